"""Options that an app adds to the command line: ``app.user_options["worker"].add(click.Option(…))``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from .. import signals
from ..exceptions import ImproperlyConfigured

PRELOAD = "preload"  # of all commands
#: Steps are given the options by name, and these as well.
_OF_STEPS = ("parent", "self")


def parse(app: Any, command: str, words: Sequence[str], own: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Their values, by Click, which who makes such options has; and the words that none of them took. ``own`` are the
    names of the command's."""
    preload = list(app.user_options.get(PRELOAD, ()))
    options = [*app.user_options.get(command, ()), *preload]
    if not options:
        return {}, list(words)
    import click

    strange = next((option for option in options if not isinstance(option, click.Parameter)), None)
    if strange is not None:
        raise ImproperlyConfigured(f"app.user_options takes options of Click's (click.Option): not {strange!r}")
    if command == "worker":
        _refuse_namesakes(options, {*own, *_OF_STEPS})
    parser = click.Command(command, params=options, add_help_option=False)
    try:
        context = parser.make_context(command, list(words), ignore_unknown_options=True, allow_extra_args=True)
    except click.UsageError as error:
        raise ImproperlyConfigured(error.format_message()) from error
    if preload:
        said = {option.name: context.params[option.name] for option in preload}
        signals.user_preload_options.send(sender=command, app=app, options=said)
    return context.params, context.args


def _refuse_namesakes(options: Sequence[Any], own: Collection[str]) -> None:
    for option in options:
        if option.name in own:
            raise ImproperlyConfigured(
                f"app.user_options: a worker has a {option.name!r} of its own, so that {option.opts[0]} cannot be told"
                " from it: give it another name"
            )
