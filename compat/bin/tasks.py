"""``celery call``, ``result``, ``purge``, ``list``, ``report``, ``shell``."""

from __future__ import annotations

import argparse
import code
import sys
from typing import Any

from .reading import date, json_of, seconds_or_date


def add_no_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def add_call_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the task's name")
    parser.add_argument("-a", "--args", default="[]", type=json_of(list), help="JSON list")
    parser.add_argument("-k", "--kwargs", default="{}", type=json_of(dict), help="JSON object")
    parser.add_argument("--countdown", type=float, help="run that many seconds from now")
    parser.add_argument("--eta", type=date, help="run at this date (ISO)")
    parser.add_argument("--expires", type=seconds_or_date, help="do not run after so many seconds, or this date (ISO)")
    parser.add_argument("--queue")
    parser.add_argument("--exchange")
    parser.add_argument("--routing-key")
    parser.add_argument("--serializer", default="json")


def call(app: Any, args: argparse.Namespace) -> int:
    """Send a task by name; prints its id."""
    options = {
        "countdown": args.countdown,
        "eta": args.eta,
        "queue": args.queue,
        "exchange": args.exchange,
        "routing_key": args.routing_key,
        "serializer": args.serializer,
        "expires": args.expires,
    }
    given = {name: value for name, value in options.items() if value is not None}
    print(app.send_task(args.name, args=args.args, kwargs=args.kwargs, **given).id)
    return 0


def add_result_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task_id")
    parser.add_argument("-t", "--task", help="the task's name, where it has a backend of its own")
    parser.add_argument("--traceback", action="store_true", help="show the traceback instead")


def result(app: Any, args: argparse.Namespace) -> int:
    """Wait for a result and print it."""
    make = app.tasks[args.task].AsyncResult if args.task else app.AsyncResult
    found = make(args.task_id)
    print(found.traceback if args.traceback else found.get())
    return 0


def add_purge_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--force", action="store_true", help="do not ask")
    parser.add_argument("-Q", "--queues", help="these queues only, separated by commas")
    parser.add_argument("-X", "--exclude-queues", help="not these")


def purge(app: Any, args: argparse.Namespace) -> int:
    """Drop the messages that wait. There is no way back."""
    queues = app.amqp.queues
    if args.queues:
        queues.select(args.queues.split(","))
    if args.exclude_queues:
        queues.deselect(args.exclude_queues.split(","))
    names = ", ".join(sorted(queues.consume_from))
    if not args.force and input(f"Drop all messages of {names}? (yes/no) ") != "yes":
        return 1
    print(f"Purged {app.control.purge()} messages from {len(queues.consume_from)} queues.")
    return 0


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["bindings"])


def list_bindings(app: Any, args: argparse.Namespace) -> int:
    """The queues and what they are bound to."""
    print(app.amqp.queues.format())
    return 0


def report(app: Any, args: argparse.Namespace) -> int:
    """Versions and settings, for a report of a bug."""
    app.loader.import_default_modules()
    print(app.bugreport())
    return 0


#: Names that the prompt has beside the app's.
SHELL_NAMES = ("Task", "chain", "chord", "chunks", "group", "signature", "subtask", "xmap", "xstarmap")


def add_shell_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-T", "--without-tasks", action="store_true", help="leave the tasks' names out")


def shell(app: Any, args: argparse.Namespace) -> int:
    """A Python prompt with the app, its tasks, and what makes a canvas."""
    app.loader.import_default_modules()
    package = sys.modules["compat"]
    known = {"app": app, "celery": app, **{name: getattr(package, name) for name in SHELL_NAMES}}
    if not args.without_tasks:
        known |= {task.__name__: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    code.interact(banner=f"app is {app!r}", local=known)
    return 0
