"""``pscheduler queues | purge | failed | retry``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from itertools import islice

from ..core.errors import InvalidMessage, JobNotFound, QueueUnavailable
from ..core.run import Parked
from ..scheduler import Scheduler
from .printing import moment, print_json, print_table


def queues(scheduler: Scheduler, args: Namespace) -> int:
    """How many messages wait in each queue."""
    sizes = {queue: scheduler.broker.size(queue) for queue in scheduler.settings.queues}
    if args.json:
        print_json(sizes)
    else:
        print_table(("queue", "waiting"), list(sizes.items()), "no queues")
    return 0


def purge(scheduler: Scheduler, args: Namespace) -> int:
    """Drop all messages that wait in a queue."""
    count = scheduler.broker.purge(scheduler.composer.queue(args.purged_queue))
    if args.json:
        print_json({"queue": args.purged_queue, "purged": count})
    else:
        print(f"{count} messages dropped from queue {args.purged_queue}")
    return 0


def failed(scheduler: Scheduler, args: Namespace) -> int:
    """List the messages that are kept because they failed or cannot run."""
    found = list(_kept(scheduler, args.queue, args.limit))
    if args.json:
        print_json([_facts(parked) for parked in found])
        return 0
    rows = [(p.id, p.message.task, p.message.queue, p.state, moment(p.parked_at), p.reason[:120]) for p in found]
    print_table(("id", "function", "queue", "state", "since", "because"), rows, "nothing has failed")
    return 0


def _kept(scheduler: Scheduler, queues: list[str] | None, limit: int) -> Iterable[Parked]:
    return islice((one for queue in queues or (None,) for one in scheduler.ledger.parked.find(limit, queue)), limit)


def add_arguments(parser: ArgumentParser) -> None:
    """Those of ``retry``."""
    parser.add_argument("--all", action="store_true", help="retry everything that is kept")
    parser.add_argument("-q", "--queue", action="append", help="with --all: only those of this queue (repeatable)")


def complete(args: Namespace, fail: Callable[[str], object]) -> None:
    """With ``--all`` there is no id, and the word in its place is the configuration file."""
    if args.all:
        if args.kept is not None:
            args.kept, args.config_uri, args.overrides = None, args.kept, [args.config_uri, *args.overrides]
    elif args.kept is None:
        fail("retry what? Give an ID, or --all")
    elif args.queue:
        fail("-q goes with --all; an ID says by itself what is retried")


def retry(scheduler: Scheduler, args: Namespace) -> int:
    """Put kept messages back into their queues: one by id, or all with ``--all``."""
    if args.all:
        return _retry_all(scheduler, args)
    if not scheduler.wiring.retry(args.kept):
        raise JobNotFound(f"no kept message has the id {args.kept!r}; pscheduler failed lists them")
    if args.json:
        print_json({"retried": [args.kept]})
    else:
        print(f"{args.kept} is back in its queue")
    return 0


def _retry_all(scheduler: Scheduler, args: Namespace) -> int:
    """Of those that the broker does not take, one must not keep the others: it is told of, and stays."""
    retried: list[str] = []
    refused: dict[str, str] = {}
    for parked_id in [one for queue in args.queue or (None,) for one in scheduler.ledger.parked.ids(queue)]:
        try:
            if scheduler.wiring.retry(parked_id):  # or else somebody did so in the meantime
                retried.append(parked_id)
        except (InvalidMessage, QueueUnavailable) as error:
            refused[parked_id] = str(error)
    if args.json:
        print_json({"retried": retried, "refused": refused})
    else:
        print(f"{len(retried)} messages are back in their queues")
        for parked_id, reason in refused.items():
            print(f"pscheduler: {parked_id} is still kept: {reason}", file=sys.stderr)
    return 1 if refused else 0


def _facts(parked: Parked) -> dict[str, object]:
    return {
        "id": parked.id,
        "function": parked.message.task,
        "queue": parked.message.queue,
        "state": str(parked.state),
        "reason": parked.reason,
        "traceback": parked.traceback,
        "parked_at": parked.parked_at,
    }
