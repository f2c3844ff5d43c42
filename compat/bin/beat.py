"""``celery beat``."""

from __future__ import annotations

import argparse
from typing import Any

from pyramid_scheduler import supervise

from .worker import Loading, name_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-l", "--loglevel", default="WARNING", help="DEBUG, INFO, WARNING, ERROR or CRITICAL")
    parser.add_argument("-f", "--logfile", help="where to log (default: standard error)")
    for name in ("-s", "--schedule", "-S", "--scheduler", "--max-interval", "--pidfile"):
        parser.add_argument(name, help=argparse.SUPPRESS, dest=f"ignored_{name.strip('-')}")
    parser.add_argument("--detach", action="store_true", help=argparse.SUPPRESS)


def run(app: Any, args: argparse.Namespace) -> int:
    """Keep the times of periodic tasks, and run none; any number of these may run."""
    said = {name: getattr(args, name) for name in ("loglevel", "logfile", "broker", "result_backend", "config")}
    return supervise(Loading(name_of(app, args.app), {**said, "without_heartbeat": True}), processes=0)
