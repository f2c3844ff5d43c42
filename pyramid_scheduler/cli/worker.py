"""``pscheduler worker``: the supervisor and its children."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from ..core.settings import parse_settings
from ..crew import supervise
from ..scheduler import Scheduler
from .application import Application
from .counts import from_one_up, from_zero_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processes",
        type=from_zero_up,
        metavar="N",
        help="worker processes (scheduler.worker.processes); 0: only keep the times",
    )
    parser.add_argument("--threads", type=from_one_up, metavar="N", help="threads of each (scheduler.worker.threads)")
    parser.add_argument("-q", "--queue", action="append", help="serve, or with --message tell, only this (repeatable)")
    parser.add_argument("--reload", action="store_true", help="restart when the code or the ini file changes")
    parser.add_argument("--no-timekeeper", action="store_true", help="run jobs only; others keep the times")
    parser.add_argument(
        "--message", metavar="TEXT", help="send TEXT to a running worker (print-jobs: log its jobs), and exit"
    )


def run(application: Application, args: argparse.Namespace) -> int:
    """Run jobs until stopped. SIGTERM: finish and leave; twice, or SIGQUIT: at once; SIGHUP: restart the children."""
    if args.message is not None:
        return _send_message(application, args)
    if args.reload:
        return _run_reloading(application, args)
    application.setup_logging()
    return _supervise(application, args)


def _send_message(application: Application, args: argparse.Namespace) -> int:
    scheduler = application.load()
    for queue in args.queue or [None]:
        scheduler.send_message(args.message, queue)
    scheduler.shutdown(0)
    return 0


def _run_reloading(application: Application, args: argparse.Namespace) -> int:
    import hupper

    if not hupper.is_active():
        hupper.start_reloader("pyramid_scheduler.cli.main.main", worker_kwargs={"argv": sys.argv[1:]})
    hupper.get_reloader().watch_files([application.uri.partition("#")[0]])
    application.setup_logging()
    return _supervise(application, args)


def _supervise(application: Application, args: argparse.Namespace) -> int:
    return supervise(
        _Load(application),
        queues=args.queue or (),
        processes=_configured_processes(application) if args.processes is None else args.processes,
        threads=args.threads,
        timekeeper=not args.no_timekeeper,
        announce=lambda line: print(line, flush=True),
        broker_url=application.settings().get("scheduler.broker.url", ""),
        # Before Pyramid, of whose warnings it sees to it that they are not shown.
        shared=(__package__, "pyramid.paster", "plaster_pastedeploy", "pyramid_scheduler.web.include", __name__),
    )


@dataclass(frozen=True)
class _Load:
    """In a child: logging first, then the application."""

    application: Application

    def __call__(self) -> Scheduler:
        self.application.setup_logging()
        return self.application.load()


def _configured_processes(application: Application) -> int:
    """From the ini file alone: the supervisor does not load the application."""
    given = application.settings()
    key = "scheduler.worker.processes"
    return parse_settings({key: given[key]} if key in given else {}).worker_processes
