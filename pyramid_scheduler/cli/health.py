"""``pscheduler status | check``: can producers and workers talk, where do jobs wait, what is misconfigured."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from ..core.errors import SchedulerError
from ..scheduler import Scheduler
from .printing import harmless, moment, print_json, print_table


@dataclass(frozen=True)
class Finding:
    """One line of ``check``: ``level`` is ok, warning or error."""

    level: str
    text: str


def status(scheduler: Scheduler, args: Namespace) -> int:
    """What waits, what is stored, what has failed."""
    facts = scheduler.wiring.status()
    if args.json:
        print_json(facts)
        return 0
    print(f"broker   {facts['broker']}\nledger   {facts['ledger']}\n")
    print_table(("queue", "waiting"), list(facts["queues"].items()), "no queues")
    print()
    print_table(("what", "count"), list(facts["counts"].items()), "nothing is stored")
    print()
    workers = [(worker.name, ", ".join(worker.queues) or "the clock") for worker in facts["workers"]]
    print_table(("worker", "serves"), workers, "no live workers")
    print(f"\nnext job due  {moment(facts['next_fire_at'])}")
    return 0


def check(scheduler: Scheduler, args: Namespace) -> int:
    """Say in plain words whether producers and workers can talk; exit status 1 on an error, warnings leave it 0."""
    findings = list(_examine(scheduler))
    if args.json:
        print_json(findings)
    else:
        for finding in findings:
            print(f"{finding.level:<8} {harmless(finding.text)}")
    return 1 if any(finding.level == "error" for finding in findings) else 0


def _examine(scheduler: Scheduler) -> Iterator[Finding]:
    for look in (_broker, _ledger, _queues, _workers, _trust, _tasks, _kept):
        try:
            yield from look(scheduler)
        except SchedulerError as error:
            yield Finding("error", str(error))


def _broker(scheduler: Scheduler) -> Iterator[Finding]:
    scheduler.broker.check()
    yield Finding("ok", f"the broker {scheduler.broker.url} answers")
    if scheduler.broker.url.startswith("memory"):
        yield Finding("warning", "the memory broker reaches no other process: only combined mode works with it")


def _ledger(scheduler: Scheduler) -> Iterator[Finding]:
    ledger = scheduler.ledger
    yield Finding("ok", f"the ledger {ledger.url} answers and has the right version")
    if not scheduler.broker.local and ledger.url.startswith("sqlite"):
        yield Finding(
            "warning",
            "the broker is on the network but the ledger is a file of this host: workers on other hosts see other"
            " schedules; set scheduler.ledger.url to a database they share",
        )


def _queues(scheduler: Scheduler) -> Iterator[Finding]:
    for queue in scheduler.settings.queues:
        waiting = scheduler.broker.size(queue)
        yield Finding("ok", f"queue {queue}: " + (f"{waiting} messages wait" if waiting else "empty"))


def _workers(scheduler: Scheduler) -> Iterator[Finding]:
    workers = scheduler.ledger.presence.find()
    served = {queue for worker in workers for queue in worker.queues}
    for worker in workers:
        yield Finding("ok", f"{worker.name} serves {', '.join(worker.queues) or 'the clock'}")
    for queue in scheduler.settings.queues:
        if queue not in served:
            yield Finding("warning", f"no live worker serves queue {queue}: its jobs wait; start a worker")


def _trust(scheduler: Scheduler) -> Iterator[Finding]:
    settings = scheduler.settings
    if scheduler.broker.local:
        yield Finding("ok", "the broker is local: its messages are trusted")
    elif settings.secrets:
        yield Finding("ok", "messages are signed (scheduler.secret is set)")
    else:
        yield Finding(
            "warning",
            f"scheduler.secret is not set: messages are JSON only, and may name only {scheduler.tasks.open_to_all}",
        )


def _tasks(scheduler: Scheduler) -> Iterator[Finding]:
    for task, (count, one) in scheduler.ledger.schedules.tasks().items():
        try:
            scheduler.tasks.get(task, trusted=True)
        except SchedulerError as error:
            yield Finding("error", f"{count} stored jobs ({one}, for one) name {task}, which cannot be run: {error}")


def _kept(scheduler: Scheduler) -> Iterator[Finding]:
    kept = len(scheduler.ledger.parked.find(1000))
    if kept:
        yield Finding(
            "warning",
            f"{kept}{'+' if kept == 1000 else ''} messages are kept because they failed: see pscheduler failed",
        )
