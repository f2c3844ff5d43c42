"""``celery beat``."""

from __future__ import annotations

import argparse
from typing import Any

from pyramid_scheduler import supervise

from ..beat.keeper import own_scheduler
from .loading import loading
from .pidfile import pidfile
from .reading import level

#: Options of a scheduler class: without one they have no effect.
_OF_A_CLASS = ("schedule", "max_interval", "remote_control", "hostname")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-l", "--loglevel", type=level, default="WARNING", help="DEBUG, INFO, WARNING, ERROR, …")
    parser.add_argument("-f", "--logfile", help="where to log (default: standard error)")
    parser.add_argument("--pidfile", help="write the process id to this file")
    add_scheduler_arguments(parser, "-S", "--scheduler", schedule="--schedule")
    parser.add_argument("--max-interval", type=float, help="seconds that it sleeps at most; of a scheduler class")
    remote = parser.add_mutually_exclusive_group()
    for option, value in (("--enable-remote-control", True), ("--no-enable-remote-control", False)):
        text = "whether it answers celery inspect ping; of a scheduler class"
        remote.add_argument(option, dest="remote_control", action="store_const", const=value, help=text)
    parser.add_argument("-n", "--hostname", help="the name it answers to: celerybeat@%%h; of a scheduler class")


def add_scheduler_arguments(parser: argparse.ArgumentParser, *names: str, schedule: str) -> None:
    parser.add_argument(*names, help="module:Class that keeps the times, in place of the ledger")
    parser.add_argument("-s", schedule, help="the file of such a class that has one")


def run(app: Any, args: argparse.Namespace) -> int:
    """Keep the times of periodic tasks, and run none; any number of these may run, but for one of a class (-S)."""
    scheduler = own_scheduler(app, args.scheduler)
    said = {name: getattr(args, name) for name in ("loglevel", "logfile")}
    with pidfile(args.pidfile, alone=scheduler is not None):
        if scheduler is None:
            return supervise(loading(app, args.app, {**said, "without_heartbeat": True}), processes=0)
        of_a_class = {name: getattr(args, name) for name in _OF_A_CLASS}
        beat = app.Beat(scheduler=scheduler, quiet=args.quiet, **said, **of_a_class)
        return int(beat.run() or 0)
