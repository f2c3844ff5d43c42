"""Answers on the terminal: aligned columns for people, JSON for programs."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

INDENT = "  "
#: Rows that are looked at together.
ALIGNED = 1000
#: Of C0 and C1 all but tabs and the ends of lines.
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def print_json(value: Any) -> None:
    print(_json(value))


def _json(value: Any) -> str:
    return json.dumps(value, indent=INDENT, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def print_json_list(values: Iterable[Any]) -> None:
    """As ``print_json`` prints a list, but one at a time."""
    before = "[\n"
    for value in values:
        print(before + textwrap.indent(_json(value), INDENT), end="")
        before = ",\n"
    print("[]" if before == "[\n" else "\n]")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """One line per row under ``headings``; ``empty`` where there are none. Of very many rows the columns are as wide as
    the rows so far want them."""
    lines = chain([[heading.upper() for heading in headings]], ([_cell(value) for value in row] for row in rows))
    widths = [0] * len(headings)
    some = list(islice(lines, ALIGNED))
    if len(some) == 1:
        print(empty)
        return
    while some:
        widths = [max(width, *map(len, column)) for width, column in zip(widths, zip(*some, strict=True), strict=True)]
        for line in some:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
        some = list(islice(lines, ALIGNED))


def _cell(value: Any) -> str:
    return "-" if value is None or value == "" else harmless(" ".join(str(value).split()))


def harmless(text: str) -> str:
    """What strangers may have written, as text: a terminal obeys some characters."""
    return _COMMANDS.sub("\ufffd", text)


def moment(epoch_seconds: float | None) -> str:
    """Local time for people, to the second."""
    if epoch_seconds is None:
        return "-"
    return datetime.fromtimestamp(epoch_seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S%z")
