"""``pscheduler jobs | show | cancel | pause | resume | run``."""

from __future__ import annotations

from argparse import Namespace
from itertools import islice

from ..core.errors import JobNotFound
from ..core.schedule import JobView
from ..scheduler import Scheduler
from ..views import view_of_schedule
from .printing import harmless, moment, print_json, print_json_list, print_table


def jobs(scheduler: Scheduler, args: Namespace) -> int:
    """List the stored jobs."""
    found = (stored for queue in (args.queue or [None]) for stored in scheduler.ledger.schedules.each(queue))
    views = map(view_of_schedule, islice(found, args.limit))
    if args.json:
        print_json_list(views)
        return 0
    rows = ((v.id, v.name, v.func, v.trigger, v.queue, v.state, moment(v.next_run_time)) for v in views)
    print_table(("id", "name", "function", "when", "queue", "state", "next run"), rows, "no stored jobs")
    return 0


def show(scheduler: Scheduler, args: Namespace) -> int:
    """Show one job: stored, over, or kept with the failures."""
    view, parked = scheduler.get_job(args.id), scheduler.ledger.parked.get(args.id)
    if view is None and parked is None:
        raise JobNotFound(f"nothing is known of a job {args.id!r}; a job that still waits in the broker is not listed")
    if args.json:
        reason = parked and {"reason": parked.reason, "traceback": parked.traceback, "parked_at": parked.parked_at}
        print_json({"job": view, "parked": reason})
        return 0
    if view is not None:
        _print_view(view)
    if parked is not None:
        text = f"kept since   {moment(parked.parked_at)}\nbecause      {parked.reason}\n{parked.traceback}"
        print(harmless(text.rstrip()))
    return 0


def cancel(scheduler: Scheduler, args: Namespace) -> int:
    """Cancel a job of any kind."""
    stored = scheduler.cancel_job(args.id)
    return _say(
        args, "canceled", f"job {args.id} is canceled" + ("" if stored else "; it was not among the stored jobs")
    )


def pause(scheduler: Scheduler, args: Namespace) -> int:
    """Let a stored job fire no more until it is resumed."""
    scheduler.pause_job(args.id)
    return _say(args, "paused", f"job {args.id} is paused")


def resume(scheduler: Scheduler, args: Namespace) -> int:
    """Let a paused job fire again."""
    scheduler.resume_job(args.id)
    return _say(args, "resumed", f"job {args.id} fires again")


def run(scheduler: Scheduler, args: Namespace) -> int:
    """Run a stored job now, once more than its schedule says."""
    run_id = scheduler.run_job_now(args.id)
    return _say(args, "running", f"job {args.id} runs now, as {run_id}")


def _say(args: Namespace, state: str, sentence: str) -> int:
    if args.json:
        print_json({"id": args.id, "state": state})
    else:
        print(sentence)
    return 0


def _print_view(view: JobView) -> None:
    facts = {
        "id": view.id,
        "name": view.name,
        "kind": view.kind,
        "function": view.func,
        "queue": view.queue,
        "state": view.state,
        "when": view.trigger,
        "next run": moment(view.next_run_time),
        "last run": moment(view.last_run_time),
        **view.details,
    }
    for label, value in facts.items():
        if value not in ("", None, "-"):
            print(harmless(f"{label:<12} {value}"))
