"""What the environment says of options that the command line leaves out."""

from __future__ import annotations

import argparse
import os

#: Variables of their own, beside CELERY_<OPTION>, which every option has.
_NAMES = {
    "app": "APP",
    "broker": "BROKER_URL",
    "result_backend": "RESULT_BACKEND",
    "loader": "LOADER",
    "config": "CONFIG_MODULE",
    "no_color": "NO_COLOR",
    "skip_checks": "SKIP_CHECKS",
}
#: Where an app, and each process of a worker, looks for what the command line says of all commands.
_HANDED_ON = {
    "broker": "CELERY_BROKER_URL",
    "result_backend": "CELERY_RESULT_BACKEND",
    "loader": "CELERY_LOADER",
    "config": "CELERY_CONFIG_MODULE",
}
_NO = ("0", "false", "f", "no", "n", "off")


def take_defaults(parser: argparse.ArgumentParser, command: str = "") -> None:
    """Let CELERY_WORKER_CONCURRENCY be the default of ``celery worker --concurrency``, and so on."""
    prefix = f"CELERY_{command.upper()}_" if command else "CELERY_"
    for option in parser._actions:
        names = (prefix + option.dest.upper(), *([] if command else [_NAMES.get(option.dest, "")]))
        said = next((text for name in reversed(names) if (text := os.environ.get(name))), None)
        if said and option.option_strings:
            option.default = said.lower() not in _NO if option.nargs == 0 else said


def hand_on(args: argparse.Namespace) -> None:
    """What goes before the settings of the app, whichever it is, and in all processes."""
    said = {variable: getattr(args, name) for name, variable in _HANDED_ON.items()}
    os.environ.update({variable: value for variable, value in said.items() if value})
    if args.skip_checks:
        os.environ["CELERY_SKIP_CHECKS"] = "true"
