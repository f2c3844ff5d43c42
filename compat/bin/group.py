"""``celery`` as a command of Click's, which may be called or be part of another program's command line."""

from __future__ import annotations

from typing import Any

import click

from .celery import main


@click.command("celery", help=main.__doc__, add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def celery(ctx: Any, words: tuple[str, ...]) -> None:
    ctx.exit(main(words))
