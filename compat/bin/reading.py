"""What the command line's texts are read as; an error in one is told before anything is done."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from ..utils.iso8601 import parse_iso8601
from ..utils.log import LOG_LEVELS


def level(text: str) -> str:
    """A level of logging by its name."""
    if text.upper() in LOG_LEVELS:
        return text.upper()
    names = ", ".join(name for name in LOG_LEVELS if isinstance(name, str) and name != "NOTSET")
    raise argparse.ArgumentTypeError(f"{text!r} is not one of {names}")


def json_of(kind: type) -> Callable[[str], Any]:
    """Reads JSON that is a list, or an object."""

    def read(text: str) -> Any:
        try:
            value = json.loads(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        if not isinstance(value, kind):
            raise argparse.ArgumentTypeError(f"{text!r} is not a JSON {'list' if kind is list else 'object'}")
        return value

    return read


def date(text: str) -> str:
    """A date in ISO, as it was written."""
    try:
        parse_iso8601(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def seconds_or_date(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return date(text)
