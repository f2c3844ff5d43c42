"""``pscheduler queues | purge | failed | retry``."""

from __future__ import annotations

from argparse import Namespace

from ..core.errors import JobNotFound
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
    found = [one for queue in (args.queue or [None]) for one in scheduler.ledger.parked.find(args.limit, queue)]
    if args.json:
        print_json([_facts(parked) for parked in found])
        return 0
    rows = [(p.id, p.message.task, p.message.queue, p.state, moment(p.parked_at), p.reason[:120]) for p in found]
    print_table(("id", "function", "queue", "state", "since", "because"), rows, "nothing has failed")
    return 0


def retry(scheduler: Scheduler, args: Namespace) -> int:
    """Put kept messages back into their queues: one by id, or all with ``--all``."""
    ids = [parked.id for parked in scheduler.ledger.parked.find(1_000_000)] if args.all else [args.id]
    for parked_id in ids:
        if not scheduler.wiring.retry(parked_id):
            raise JobNotFound(f"no kept message has the id {parked_id!r}; pscheduler failed lists them")
    if args.json:
        print_json({"retried": ids})
    else:
        print(f"{len(ids)} messages are back in their queues" if args.all else f"{args.id} is back in its queue")
    return 0


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
