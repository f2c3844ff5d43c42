"""JSON of plain values (text, numbers, true, false, null, lists, tables), as fast as the standard library has it.

``json.dumps`` makes a new encoder for each value, and ``json.loads`` looks for blanks around it. After a pause, when
the machine runs cold, that takes longer than the value itself; and every job is written and read once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder
from typing import Any

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_read_all = json.JSONDecoder().decode
#: The types of single values that any JSON gives back as they were.
PLAIN = frozenset({str, int, bool, type(None)})
#: A text with its quotes.
quote: Callable[[str], str] = encoder.encode_basestring_ascii


def read(text: str) -> Any:
    """What ``json.loads`` makes of ``text``; raises ValueError where it is no JSON."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _read_all(text)
    return value if end == len(text) else _read_all(text)


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is not a plain value of JSON")


def _writer() -> Callable[[Any], str]:
    make = getattr(encoder, "c_make_encoder", None)
    if make is None:  # another interpreter than CPython
        return json.JSONEncoder(default=_refuse, check_circular=False).encode
    chunks = make(None, _refuse, quote, None, ": ", ", ", False, False, True)
    return lambda value: "".join(chunks(value, 0))


#: What ``json.dumps`` makes of a plain value; raises TypeError for another, RecursionError for one within itself.
write = _writer()
