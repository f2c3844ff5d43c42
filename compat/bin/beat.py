"""``celery beat``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pyramid_scheduler import supervise

from .loading import loading
from .pidfile import pidfile

#: Celery's options that have no effect, under all their names.
IGNORED = (("-s", "--schedule"), ("--max-interval",))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-l", "--loglevel", default="WARNING", help="DEBUG, INFO, WARNING, ERROR or CRITICAL")
    parser.add_argument("-f", "--logfile", help="where to log (default: standard error)")
    parser.add_argument("--pidfile", help="write the process id to this file")
    add_scheduler_argument(parser, "-S")
    for names in IGNORED:
        parser.add_argument(*names, help=argparse.SUPPRESS)


def add_scheduler_argument(parser: argparse.ArgumentParser, *names: str) -> None:
    parser.add_argument(*names, "--scheduler", type=_unheard, help=argparse.SUPPRESS)


def _unheard(name: str) -> str:
    if name.rpartition(".")[2].rpartition(":")[2] != "PersistentScheduler":  # which is Celery's own
        print(f"celery: the scheduler {name} is not asked: beat_schedule is, and the ledger keeps it", file=sys.stderr)
    return name


def run(app: Any, args: argparse.Namespace) -> int:
    """Keep the times of periodic tasks, and run none; any number of these may run."""
    said = {name: getattr(args, name) for name in ("loglevel", "logfile")}
    with pidfile(args.pidfile):
        return supervise(loading(app, args.app, {**said, "without_heartbeat": True}), processes=0)
