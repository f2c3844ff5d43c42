"""``celery worker``."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import sys
from dataclasses import dataclass, field
from typing import Any

from pyramid_scheduler import Scheduler, supervise

from ..utils.nodenames import host_format, nodename, nodesplit

#: Celery's options that have no effect, and take a value (1) or none (0).
IGNORED = {
    "-O": 1,
    "--optimization": 1,
    "--without-gossip": 0,
    "--without-mingle": 0,
    "--statedb": 1,
    "-S": 1,
    "--autoscale": 1,
    "--scheduler": 1,
    "-s": 1,
    "--schedule-filename": 1,
    "--heartbeat-interval": 1,
    "-Ofair": 0,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-Q", "--queues", help="take from these queues only, separated by commas")
    parser.add_argument("-X", "--exclude-queues", help="do not take from these")
    parser.add_argument("-c", "--concurrency", type=int, help="tasks at a time (default: one per CPU)")
    parser.add_argument("-P", "--pool", default="prefork", help="prefork, threads or solo")
    parser.add_argument("-n", "--hostname", help="the worker's name: celery@%%h")
    parser.add_argument("-l", "--loglevel", default="WARNING", help="DEBUG, INFO, WARNING, ERROR or CRITICAL")
    parser.add_argument("-f", "--logfile", help="where to log (default: standard error)")
    parser.add_argument("-E", "--task-events", "--events", action="store_true", help="send events of tasks")
    parser.add_argument("-B", "--beat", action="store_true", help="keep the times, too; every worker does")
    parser.add_argument("-I", "--include", help="modules to import, separated by commas")
    parser.add_argument("--purge", action="store_true", help="drop what waits, first")
    parser.add_argument("--max-tasks-per-child", type=int, help="replace a process after so many tasks")
    parser.add_argument("--max-memory-per-child", type=int, help="replace a process that uses more KiB than this")
    parser.add_argument("--time-limit", type=float, help="seconds until a task's process is ended")
    parser.add_argument("--soft-time-limit", type=float, help="seconds until SoftTimeLimitExceeded")
    parser.add_argument("--prefetch-multiplier", type=int, help="has no effect: what is taken follows the run times")
    parser.add_argument("--without-heartbeat", action="store_true", help="send no heartbeats")
    parser.add_argument("--pidfile", help="write the process id to this file")
    for name, values in IGNORED.items():
        options: dict[str, Any] = {"nargs": None} if values else {"action": "store_true"}
        parser.add_argument(name, help=argparse.SUPPRESS, dest=f"ignored_{name.strip('-')}", **options)


def run(app: Any, args: argparse.Namespace) -> int:
    """Run tasks until SIGTERM."""
    if args.pool not in ("prefork", "processes", "threads", "solo"):
        print(f"celery worker: the pool {args.pool} is not supported; threads is the nearest", file=sys.stderr)
        return 64
    count = args.concurrency or app.conf.worker_concurrency or os.cpu_count() or 1
    processes, threads = (count, 1) if args.pool in ("prefork", "processes") else (1, count)
    if args.pool == "solo":
        threads = 1
    if args.purge:
        print(f"{app.control.purge()} messages dropped")
    if args.pidfile:
        with open(args.pidfile, "w") as pidfile:
            pidfile.write(str(os.getpid()))
    load = Loading(name_of(app, args.app), _options(args))
    try:
        return supervise(
            load,
            processes=processes,
            threads=threads,
            queues=_queues(app, args),
            broker_url=app.conf.broker_url or "",
            shared=("compat.worker.controller",),
        )
    finally:
        if args.pidfile:
            os.unlink(args.pidfile)


def _queues(app: Any, args: argparse.Namespace) -> tuple[str, ...]:
    names = args.queues.split(",") if args.queues else list(app.amqp.queues.consume_from)
    without = set(args.exclude_queues.split(",")) if args.exclude_queues else set()
    return tuple(name for name in names if name not in without)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    names = (
        *("loglevel", "logfile", "hostname", "queues", "exclude_queues", "task_events", "without_heartbeat", "include"),
        *("time_limit", "soft_time_limit", "max_tasks_per_child", "max_memory_per_child", "broker", "result_backend"),
        "config",
    )
    return {name: getattr(args, name) for name in names}


def name_of(app: Any, given: str | None) -> str:
    """The name under which a process of its own finds the app."""
    if given:
        return given
    for module in list(sys.modules.values()):
        for attribute, value in list(vars(module).items()) if hasattr(module, "__dict__") else ():
            if value is app:
                name = module.__name__
                return f"{'__mp_main__' if name == '__main__' else name}:{attribute}"
    raise SystemExit("celery worker: which app? Say -A module:attribute, or keep it in a module's attribute")


@dataclass(frozen=True)
class Loading:
    """In each process: the app, made ready to run tasks. Picklable."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> Scheduler:
        from ..worker.embedding import embed
        from .celery import _find

        sys.path.insert(0, os.getcwd())
        speaks = _place("timekeeper") is None
        return embed(_find(self.name), self.options, _node_name(self.options.get("hostname")), speaks=speaks)


def _node_name(given: str | None) -> str:
    """``celery@host`` for the first process of a supervisor, ``celery-2@host`` for the second, and so on."""
    name, host = nodesplit(given or "celery@%h")
    number = int(_place("worker") or 1)
    return host_format(nodename((name or "celery") + (f"-{number}" if number > 1 else ""), host))


def _place(role: str) -> str | None:
    """Which of the supervisor's processes of that role this is; None where it is not of that role."""
    found = re.search(rf"-{role}(\d*)-[0-9a-f]+$", multiprocessing.current_process().name)
    return found[1] if found else None
