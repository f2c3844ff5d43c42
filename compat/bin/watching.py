"""``celery events``."""

from __future__ import annotations

import argparse
from typing import Any

from ..events.dumper import evdump


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-d", "--dump", action="store_true", help="write them as lines, as is done anyway")


def events(app: Any, args: argparse.Namespace) -> int:
    """Write what workers tell of themselves and their tasks (-E), a line per event, until it is interrupted."""
    evdump(app)
    return 0
