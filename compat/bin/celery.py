"""The words of ``celery``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kombu.exceptions import OperationalError

from pyramid_scheduler.api import BrokerUnavailable

from ..app.utils import find_app
from ..exceptions import ImproperlyConfigured
from ..installing import refuse_the_real_one
from ..platforms import EX_UNAVAILABLE
from . import asking, beat, environment, foreign, moving, tasks, user_options, watching, worker

Command = Callable[[Any, argparse.Namespace], int]

COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], Command]] = {
    "worker": (worker.add_arguments, worker.run),
    "beat": (beat.add_arguments, beat.run),
    "inspect": (asking.add_inspect_arguments, asking.inspect),
    "control": (asking.add_control_arguments, asking.control),
    "status": (asking.add_status_arguments, asking.status),
    "events": (watching.add_arguments, watching.events),
    "migrate": (moving.add_arguments, moving.migrate),
    "call": (tasks.add_call_arguments, tasks.call),
    "result": (tasks.add_result_arguments, tasks.result),
    "purge": (tasks.add_purge_arguments, tasks.purge),
    "list": (tasks.add_list_arguments, tasks.list_bindings),
    "report": (tasks.add_no_arguments, tasks.report),
    "shell": (tasks.add_shell_arguments, tasks.shell),
}
#: Celery's words that are not here, and the way out.
REFUSED = {
    "multi": "run workers under systemd or a container runtime; pscheduler has a supervisor of its own",
    "graph": "it is not supported",
    "amqp": "use rabbitmqadmin",
    "logtool": "it is not supported",
    "upgrade": "old and new names of settings are both read",
}
#: Options of all commands, which some write after the word.
BEFORE_THE_WORD = ("-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir")
_DETACHING = "run it under systemd or a container runtime, which keep it in the background"
NOT_OPTIONS = {
    "-D": _DETACHING,
    "--detach": _DETACHING,
}


def main(argv: Sequence[object] | None = None, app: Any = None) -> int:
    """The console script; returns the exit status."""
    words = [str(word) for word in (sys.argv[1:] if argv is None else argv)]  # a number, too
    others = {name: entry for name, entry in foreign.words().items() if name not in (*COMMANDS, *REFUSED)}
    if words and not words[0].startswith("-") and words[0] not in (*COMMANDS, *REFUSED, *others):
        words = words[1:]  # the program's own name, as in app.start(argv=["celery", "worker"])
    sys.path.insert(0, os.getcwd())
    args, unknown = _parser(tuple(others)).parse_known_args(words)
    try:
        if args.command in REFUSED:
            raise ImproperlyConfigured(REFUSED[args.command])
        environment.hand_on(args)
        app = _app(args, app)
        if args.command in others:
            return foreign.run(others[args.command], app, args, BEFORE_THE_WORD)
        args.user_options, unknown = user_options.parse(app, args.command, unknown, vars(args))
        _refuse(args.command, unknown)
        return _run(app, args)
    except ImproperlyConfigured as error:
        print(f"celery {args.command}: {error}", file=sys.stderr)
        return 64


def _run(app: Any, args: argparse.Namespace) -> int:
    try:
        return COMMANDS[args.command][1](app, args)
    except (OperationalError, BrokerUnavailable) as error:
        print(f"Error: celery {args.command}: the broker cannot be reached: {error}", file=sys.stderr)
        return EX_UNAVAILABLE


def _refuse(command: str, unknown: Sequence[str]) -> None:
    """Raises ImproperlyConfigured for what is not there and matters; says so of what does not matter."""
    for word in unknown:
        option = word.partition("=")[0]
        if option in BEFORE_THE_WORD:
            raise ImproperlyConfigured(f"{option} comes before the word: celery {option} … {command} …")
        if option in NOT_OPTIONS:
            raise ImproperlyConfigured(f"{option}: {NOT_OPTIONS[option]}")
        print(f"celery {command}: {word} has no effect here", file=sys.stderr)


def _app(args: argparse.Namespace, app: Any) -> Any:
    if args.workdir:
        os.chdir(args.workdir)
        sys.path.insert(0, args.workdir)
    if args.app:
        app = find(args.app)
    if app is None:
        from .._state import get_current_app

        app = get_current_app()
    app.set_default()
    app.set_current()
    return app


def find(name: str) -> Any:
    try:
        app = find_app(name)
    except (ImportError, AttributeError) as error:
        raise ImproperlyConfigured(f"-A {name}: the app cannot be loaded: {error}") from error
    refuse_the_real_one(type(app))
    return app


def _parser(others: Sequence[str] = ()) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="celery", description=__doc__, allow_abbrev=False)
    parser.add_argument("-A", "--app", help="module:attribute, or module, of the app")
    parser.add_argument("-b", "--broker", help="URL of the broker")
    parser.add_argument("--result-backend", help="URL of the result backend")
    parser.add_argument("--loader", help="class of the loader")
    parser.add_argument("--config", help="module with the settings, of an app that names none")
    parser.add_argument("--workdir", help="directory to change to")
    parser.add_argument("--skip-checks", action="store_true", help="do not run Django's system checks")
    parser.add_argument("-C", "--no-color", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("-q", "--quiet", action="store_true", help="say less")
    parser.add_argument("--version", action="version", version=_version())
    environment.take_defaults(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (add_arguments, run) in COMMANDS.items():
        text = (run.__doc__ or "").strip()
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_arguments(command)
        environment.take_defaults(command, name)
    for name in REFUSED:
        commands.add_parser(name, add_help=False)
    for name in others:
        foreign.add_word(commands, name)
    return parser


def _version() -> str:
    from .. import VERSION_BANNER

    return VERSION_BANNER


def __getattr__(name: str) -> Any:
    if name == "celery":
        from .group import celery  # not before it is asked for: Click may not be installed

        return celery
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
