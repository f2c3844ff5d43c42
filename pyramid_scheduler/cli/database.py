"""``pscheduler db upgrade | current | check``."""

from __future__ import annotations

from argparse import Namespace

from ..scheduler import Scheduler
from .printing import print_json


def db(scheduler: Scheduler, args: Namespace) -> int:
    """Make, bring up to date, or examine the tables of the ledger (and of the SQL broker)."""
    ledger = scheduler.wiring.closed_ledger
    if args.action == "upgrade":
        scheduler.wiring.make_tables()
    elif args.action == "check":
        ledger.open()
    answer = ledger.version()
    if args.json:
        print_json({"action": args.action, "version": answer})
    else:
        print(
            {"upgrade": "the database is at version {}", "current": "{}", "check": "version {}, as it should be"}[
                args.action
            ].format(answer)
        )
    return 0
