"""``pscheduler``: runs workers, and answers questions about jobs."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence

from ..core.errors import SchedulerError
from ..scheduler import Scheduler
from . import database, health, jobs, messages, migrate, worker
from .application import Application, parse_overrides
from .counts import from_one_up

Command = Callable[[Scheduler, argparse.Namespace], int]

#: name → (what runs it, its positional arguments before CONFIG.ini)
COMMANDS: dict[str, tuple[Command, tuple[str, ...]]] = {
    "jobs": (jobs.jobs, ()),
    "queues": (messages.queues, ()),
    "show": (jobs.show, ("id",)),
    "cancel": (jobs.cancel, ("id",)),
    "pause": (jobs.pause, ("id",)),
    "resume": (jobs.resume, ("id",)),
    "run": (jobs.run, ("id",)),
    "purge": (messages.purge, ("purged_queue",)),
    "failed": (messages.failed, ()),
    "retry": (messages.retry, ("kept",)),
    "status": (health.status, ()),
    "check": (health.check, ()),
    "db": (database.db, ("action",)),
}
CHOICES = {"action": ("upgrade", "current", "check")}
#: What a positional argument is called, and is, where its name does not say it.
LABELS = {
    "purged_queue": ("QUEUE", "the queue"),
    "action": ("ACTION", "upgrade, current or check"),
    "kept": ("ID", "the id; none with --all"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; returns the exit status."""
    args = _parse(list(sys.argv[1:] if argv is None else argv))
    try:
        _print_whatever_comes()
        status = _run(args)
        print(end="", flush=True)
        return status
    except BrokenPipeError:  # whoever reads it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where the interpreter's last flush may go
        return 128 + signal.SIGPIPE
    except (SchedulerError, FileNotFoundError) as error:
        print(f"pscheduler: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _print_whatever_comes() -> None:
    """Where the terminal's encoding lacks a character it is shown by its number."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(args: argparse.Namespace) -> int:
    if args.command == "migrate":
        return migrate.run(args)
    application = Application(args.config_uri, args.app_name, parse_overrides(args.overrides))
    if args.command == "worker":
        return worker.run(application, args)
    return _answer(application, args)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = build_parser()
    known = (*COMMANDS, "worker", "migrate")
    if words and words[0] not in (*known, "-h", "--help"):
        if _is_no_file(words[0]):
            near = difflib.get_close_matches(words[0], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the commands are {', '.join(known)}"
            parser.error(f"{words[0]!r} is neither a command nor a configuration file; {hint}")
        words.insert(0, "worker")
    args = parser.parse_args(words)
    if args.command == "retry":
        messages.complete(args, parser.error)
    return args


def _is_no_file(word: str) -> bool:
    """No configuration file is written like this: its name has an ending, or its URI a scheme."""
    return not word.startswith("-") and "." not in word and ":" not in word and not os.path.exists(word)


def _answer(application: Application, args: argparse.Namespace) -> int:
    scheduler = application.load()
    try:
        return COMMANDS[args.command][0](scheduler, args)
    finally:
        scheduler.shutdown(0)


def build_parser() -> argparse.ArgumentParser:
    """The command line's grammar; ``docs/cli.md`` is generated from it."""
    parser = argparse.ArgumentParser(
        prog="pscheduler",
        description="Run the background jobs of a Pyramid application, or ask about them.",
        epilog="pscheduler CONFIG.ini is short for pscheduler worker CONFIG.ini.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    worker.add_arguments(commands.add_parser("worker", help="run jobs until stopped", description=worker.run.__doc__))
    for name, (call, positionals) in COMMANDS.items():
        text = (call.__doc__ or "").strip()
        _add_command(commands.add_parser(name, help=text, description=text), name, positionals)
    for command in commands.choices.values():
        command.add_argument("config_uri", metavar="CONFIG.ini[#name]", help="the application's ini file")
        command.add_argument(
            "overrides", nargs="*", metavar="key=value", help="values for %%(key)s in the ini file, as pserve has them"
        )
        command.add_argument("--app-name", help="the application's name in the file, as #name")
    text = (migrate.run.__doc__ or "").strip()
    migrate.add_arguments(commands.add_parser("migrate", help="read code written for Celery", description=text))
    return parser


def _add_command(parser: argparse.ArgumentParser, name: str, positionals: Sequence[str]) -> None:
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    if name in ("jobs", "failed"):
        most = 100 if name == "failed" else None
        shown = "%(default)s" if most else "all"
        parser.add_argument("--limit", type=from_one_up, default=most, help=f"show at most so many (default: {shown})")
        parser.add_argument("-q", "--queue", action="append", help="only those of this queue (repeatable)")
    if name == "retry":
        messages.add_arguments(parser)
    for positional in positionals:
        label, help_ = LABELS.get(positional, (positional.upper(), f"the {positional}"))
        count = "?" if positional == "kept" else None
        parser.add_argument(positional, metavar=label, nargs=count, choices=CHOICES.get(positional), help=help_)
