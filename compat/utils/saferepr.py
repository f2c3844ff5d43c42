"""A repr with bounds: for arguments of any size, in headers, logs and events."""

from __future__ import annotations

from decimal import Decimal
from numbers import Number
from typing import Any

from .text import truncate

_BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("{", "}")}

_PLAIN = frozenset({int, bool, float, type(None)})


def saferepr(o: Any, maxlen: int | None = None, maxlevels: int = 3, seen: set[int] | None = None) -> str:
    """``repr(o)`` cut to about ``maxlen`` characters and ``maxlevels`` levels; never raises."""
    if _is_plain(o) or (type(o) in (tuple, list) and len(o) < 9 and all(map(_is_plain, o))) or o == {}:
        text = repr(o)
        if maxlen is None or len(text) < maxlen:
            return text
    writer = _Writer(maxlen, maxlevels, seen or set())
    writer.write(o, 0)
    return "".join(writer.parts)


def _is_plain(o: Any) -> bool:
    """Whether ``repr`` writes it as we do: of most arguments, and in no time."""
    kind = type(o)
    return kind in _PLAIN or (kind is str and o.isascii() and o.isprintable() and "'" not in o and "\\" not in o)


class _Writer:
    def __init__(self, room: int | None, levels: int, above: set[int]) -> None:
        self.parts: list[str] = []
        self.room = room
        self.levels = levels
        self.above = above  # the containers being written: one inside itself is not entered again

    def text(self, text: str) -> None:
        self.parts.append(text)
        if self.room is not None:
            self.room -= len(text)

    @property
    def full(self) -> bool:
        return self.room is not None and self.room <= 0

    def write(self, o: Any, level: int) -> None:
        if isinstance(o, Number) and not isinstance(o, Decimal):
            self.text(str(o))
        elif isinstance(o, (str, bytes)):
            self.text(_quoted(o, self.room))
        elif isinstance(o, (dict, list, tuple, set, frozenset)):
            self.container(o, level)
        else:
            self.text(truncate(_repr(o), self.room or 0))

    def container(self, o: Any, level: int) -> None:
        if isinstance(o, (set, frozenset)) and not o:
            return self.text(f"{type(o).__name__}()")
        start, end = _around(o)
        if self.levels and level >= self.levels:
            return self.text(f"{start}...{end}")
        if id(o) in self.above:
            return self.text(f"<Recursion on {type(o).__name__} with id={id(o)}>")
        self.above.add(id(o))
        self.text(start)
        self.items(o, level + 1)
        self.parts.append(end)
        self.above.discard(id(o))
        return None

    def items(self, o: Any, level: int) -> None:
        for index, item in enumerate(o):
            if self.full:
                self.parts.append(", ...")
                return
            if index:
                self.text(", ")
            if isinstance(o, dict):
                self.text(saferepr(item, self.room, self.levels))
                self.text(": ")
                item = o[item]
            self.write(item, level)


def _around(o: Any) -> tuple[str, str]:
    if isinstance(o, dict):
        return "{", "}"
    kind = next(kind for kind in _BRACKETS if isinstance(o, kind))
    start, end = _BRACKETS[kind]
    if kind is tuple:
        return start, ",)" if len(o) == 1 else end
    return (start, end) if kind is list or type(o) is set else (f"{type(o).__name__}({start}", f"{end})")


def _quoted(value: str | bytes, room: int | None) -> str:
    if isinstance(value, str):
        return "'" + truncate(value, room or 0).replace("'", "\\'") + "'"
    cut = room is not None and len(value) > room
    data = bytes(memoryview(value)[:room]) if cut else value
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.hex()
    return f"b'{text}{'...' if cut else ''}'"


def _repr(o: Any) -> str:
    try:
        return repr(o)
    except Exception as error:
        return f"<Unrepresentable {type(o)!r}{id(o):#x}: {error!r}>"
