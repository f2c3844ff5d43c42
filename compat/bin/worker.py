"""``celery worker``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from kombu.common import Broadcast

from pyramid_scheduler import supervise

from ..beat.keeper import own_scheduler
from ..concurrency import ALIASES, PREFORK
from ..utils.nodenames import default_nodename, host_format, node_format
from ..utils.sysinfo import AUTO_CONCURRENCY, cpu_budget, is_auto_concurrency
from ..worker.consumer import check
from .beat import add_scheduler_arguments
from .loading import loading
from .pidfile import pidfile
from .reading import level

#: Celery's options that have no effect, and take a value (1) or none (0).
IGNORED = {
    "-O": 1,
    "--optimization": 1,
    "--without-gossip": 0,
    "--without-mingle": 0,
    "--statedb": 1,
    "-S": 1,
    "--heartbeat-interval": 1,
    "-Ofair": 0,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-Q", "--queues", help="take from these queues only, separated by commas")
    parser.add_argument("-X", "--exclude-queues", help="do not take from these")
    parser.add_argument("-c", "--concurrency", type=_number_or_auto, help="tasks at a time, or auto (one per CPU)")
    parser.add_argument("--autoscale", type=_most, metavar="MAX[,MIN]", help="MAX tasks at a time, always")
    parser.add_argument("-P", "--pool", default="prefork", help="prefork, threads or solo")
    parser.add_argument("-n", "--hostname", help="the worker's name: celery@%%h")
    parser.add_argument("-l", "--loglevel", type=level, default="WARNING", help="DEBUG, INFO, WARNING, ERROR, …")
    parser.add_argument("-f", "--logfile", help="where to log (default: standard error)")
    parser.add_argument("-E", "--task-events", "--events", action="store_true", help="send events of tasks")
    parser.add_argument("-B", "--beat", action="store_true", help="be beat, too; each is, but for a scheduler class")
    parser.add_argument("-I", "--include", help="modules to import, separated by commas")
    parser.add_argument("--purge", action="store_true", help="drop what waits, first")
    parser.add_argument("--max-tasks-per-child", type=int, help="replace a process after so many tasks")
    parser.add_argument("--max-memory-per-child", type=int, help="replace a process that uses more KiB than this")
    parser.add_argument("--time-limit", type=float, help="seconds until a task's process is ended")
    parser.add_argument("--soft-time-limit", type=float, help="seconds until SoftTimeLimitExceeded")
    parser.add_argument("--prefetch-multiplier", type=int, help="has no effect: what is taken follows the run times")
    parser.add_argument("--without-heartbeat", action="store_true", help="send no heartbeats")
    parser.add_argument("--pidfile", help="write the process id to this file; %%n and %%h are as in -n")
    add_scheduler_arguments(parser, "--scheduler", schedule="--schedule-filename")
    for name, values in IGNORED.items():
        options: dict[str, Any] = {"nargs": None} if values else {"action": "store_true"}
        parser.add_argument(name, help=argparse.SUPPRESS, dest=f"ignored_{name.strip('-')}", **options)


def run(app: Any, args: argparse.Namespace) -> int:
    """Run tasks until SIGTERM."""
    if args.pool not in ALIASES:
        print(f"celery worker: the pool {args.pool} is not supported; threads is the nearest", file=sys.stderr)
        return 64
    check(app)
    said = args.autoscale or args.concurrency or app.conf.worker_concurrency
    count = _concurrency(said, computing=args.pool in PREFORK)
    processes, threads = (count, 1) if args.pool in PREFORK else (1, count)
    if args.pool == "solo":
        threads = 1
    if args.purge:
        print(f"{app.control.purge()} messages dropped")
    queues = _queues(app, args)
    if not queues:
        print("celery worker: no queue is left to take from", file=sys.stderr)
        return 64
    beat = args.beat and own_scheduler(app, args.scheduler) is not None
    load = loading(app, args.app, {**args.user_options, **_options(args), "beat": beat, "threads": threads})
    with pidfile(_node_file(args.pidfile, args.hostname)):
        return supervise(
            load,
            processes=processes,
            threads=threads,
            queues=queues,
            broker_url=app.conf.broker_url or "",
            shared=("compat.worker.controller",),
        )


def _concurrency(said: Any, computing: bool) -> int:
    """``auto``: one for each CPU that this process may use; as many as a container's quota is for, of processes."""
    if is_auto_concurrency(said):
        return cpu_budget(use_cgroup_quota=computing).count
    return int(said or 0) or os.cpu_count() or 1


def _number_or_auto(text: str) -> int | str:
    return AUTO_CONCURRENCY if is_auto_concurrency(text) else int(text)


def _most(text: str) -> int:
    """The larger of one or two numbers."""
    return max(int(number) for number in text.split(","))


def _node_file(name: str | None, hostname: str | None) -> str | None:
    return node_format(name, host_format(default_nodename(hostname))) if name else None


def _queues(app: Any, args: argparse.Namespace) -> tuple[str, ...]:
    known = app.amqp.queues
    names = args.queues.split(",") if args.queues else list(known.consume_from)
    without = set(args.exclude_queues.split(",")) if args.exclude_queues else set()
    served = []
    for name in names:
        queue = known.aliases.get(name) or known.get(name)
        if isinstance(queue, Broadcast):
            word = getattr(queue, "alias", name)
            print(f"celery worker: {word} is left out: no worker here has a broadcast queue to itself", file=sys.stderr)
        elif name not in without:
            served.append(name)
    return tuple(served)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    names = (
        *("loglevel", "logfile", "hostname", "queues", "exclude_queues", "task_events", "without_heartbeat", "include"),
        *("time_limit", "soft_time_limit", "max_tasks_per_child", "max_memory_per_child", "pool"),
        *("scheduler", "schedule_filename"),
    )
    return {name: getattr(args, name) for name in names}
