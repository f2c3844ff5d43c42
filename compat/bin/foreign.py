"""Words that other packages add to ``celery``, Flower's among them: commands of Click's, by entry points."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..exceptions import ImproperlyConfigured

GROUP = "celery.commands"


def words() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def add_word(commands: Any, name: str) -> None:
    """All that follows it, options too, is for the command to read."""
    parser: argparse.ArgumentParser = commands.add_parser(name, add_help=False, prefix_chars="\0")
    parser.add_argument("words", nargs=argparse.REMAINDER)


def run(entry: EntryPoint, app: Any, args: argparse.Namespace, options: Sequence[str]) -> int:
    """Returns the exit status. ``options`` are those before the word: a command may look for them among its own."""
    import click

    from .base import CLIContext

    command = _load(entry)
    if not isinstance(command, click.Command):
        raise ImproperlyConfigured(f"{entry.value}, which has that name in {GROUP}, is no command of Click's")
    celery = click.Group("celery", params=[click.Option([option]) for option in options])
    said = CLIContext(app, args.no_color, args.workdir, args.quiet)
    context = click.Context(celery, info_name="celery", obj=said, auto_envvar_prefix="CELERY")
    context.params = {"app": app, "quiet": args.quiet, "no_color": args.no_color, "workdir": args.workdir}
    try:
        with command.make_context(entry.name, list(args.words), parent=context) as own:
            command.invoke(own)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0


def _load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise ImproperlyConfigured(f"{entry.value} cannot be loaded: {error}") from error
