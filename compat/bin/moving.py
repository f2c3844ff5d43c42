"""``celery migrate``."""

from __future__ import annotations

import argparse
from typing import Any

from kombu.connection import Connection

from pyramid_scheduler.api import kombu_url

from ..contrib.migrate import filter_status, migrate_tasks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="URL of the broker that is emptied")
    parser.add_argument("destination", help="URL of the broker that is filled")
    parser.add_argument("-n", "--limit", type=int, help="so many messages at most")
    parser.add_argument("-Q", "--queues", help="these queues only, separated by commas; old:new gives another name")


def migrate(app: Any, args: argparse.Namespace) -> int:
    """Move the messages that wait to another broker; those with a time to come are in the ledger, and stay there."""
    with Connection(kombu_url(args.source)) as source, Connection(kombu_url(args.destination)) as destination:
        moved = migrate_tasks(
            source, destination, app=app, queues=args.queues, limit=args.limit, callback=filter_status
        )
    print(f"{moved.filtered} messages moved")
    return 0
