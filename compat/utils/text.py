"""Texts for people."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from functools import partial
from pprint import pformat
from re import Match, Pattern
from textwrap import fill
from typing import Any

RE_FORMAT = re.compile(r"%([%\w])")


def str_to_list(s: Any) -> Any:
    """``"a,b"`` as a list."""
    return s.split(",") if isinstance(s, str) else s


def dedent_initial(s: str, n: int = 4) -> str:
    return s.removeprefix(" " * n)


def dedent(s: str, sep: str = "\n") -> str:
    return sep.join(dedent_initial(line) for line in s.splitlines())


def fill_paragraphs(s: str, width: int, sep: str = "\n") -> str:
    return sep.join(fill(paragraph, width) for paragraph in s.split(sep))


def join(items: Iterable[str], sep: str = "\n") -> str:
    """Those that are not empty."""
    return sep.join(item for item in items if item)


def ensure_sep(sep: str, s: str, n: int = 2) -> str:
    """``s`` with at least ``n`` of ``sep``."""
    return s + sep * (n - s.count(sep))


ensure_newlines = partial(ensure_sep, "\n")


def abbr(S: str | None, max: int, ellipsis: str | bool = "...") -> str:
    """``S`` cut to ``max`` characters."""
    if S is None:
        return "???"
    if len(S) <= max:
        return S
    return S[: max - len(ellipsis)] + ellipsis if isinstance(ellipsis, str) and ellipsis else S[:max]


def abbrtask(S: str | None, max: int) -> str:
    """A task's name with its module cut."""
    if S is None:
        return "???"
    if len(S) <= max:
        return S
    module, _, name = S.rpartition(".")
    return f"{abbr(module, max - len(name) - 3, False)}[.]{name}"


def indent(t: str, indent: int = 0, sep: str = "\n") -> str:
    return sep.join(" " * indent + line for line in t.split(sep))


def truncate(s: str, maxlen: int = 128, suffix: str = "...") -> str:
    """``s`` cut at a word where it is longer."""
    return s[:maxlen].rsplit(" ", 1)[0] + suffix if maxlen and len(s) >= maxlen else s


def pluralize(n: float, text: str, suffix: str = "s") -> str:
    return text if n == 1 else text + suffix


def pretty(value: Any, width: int = 80, nl_width: int = 80, sep: str = "\n", **kw: Any) -> str:
    """``value`` laid out for a console."""
    if isinstance(value, dict):
        return f"{sep} {pformat(value, 4, nl_width)[1:]}"
    if isinstance(value, tuple):
        return f"{sep}    {pformat(value, width=nl_width, **kw)}"
    return pformat(value, width=width, **kw)


def match_case(s: str, other: str) -> str:
    """``s`` in the case of ``other``."""
    return s.upper() if other.isupper() else s.lower()


def simple_format(s: str, keys: dict[str, Any], pattern: Pattern[str] = RE_FORMAT, expand: str = r"\1") -> str:
    """``s`` with each ``%x`` replaced by ``keys["x"]`` (called, if callable); raises ValueError for others."""
    known = {"%": "%", **keys}

    def replacement(match: Match[str]) -> str:
        key = match.expand(expand)
        if key not in known:
            raise ValueError(f"Unknown format %{key} in string {s!r}: write %% for a percent sign.")
        found: str | Callable[[], str] = known[key]
        return str(found() if callable(found) else found)

    return pattern.sub(replacement, s) if s else s


def remove_repeating_from_task(task_name: str, s: str) -> str:
    """``s`` in which the module of ``task_name`` is written out only the first time."""
    module = str(task_name).rpartition(".")[0]
    return remove_repeating(module + ".", s) if module else s


def remove_repeating(substr: str, s: str) -> str:
    """``s`` without ``substr`` where that begins a name, except the first time it occurs at all."""
    start = s.find(substr)
    if start < 0:
        return s
    end = start + len(substr)
    return s[:end] + re.sub(rf"(?<![\w.-]){re.escape(substr)}", "", s[end:])


class WhateverIO(io.StringIO):
    """A text buffer that takes bytes, too."""

    def __init__(self, v: bytes | str | None = None, *a: Any, **kw: Any) -> None:
        super().__init__(v.decode() if isinstance(v, bytes) else v, *a, **kw)

    def write(self, data: bytes | str) -> int:
        return super().write(data.decode() if isinstance(data, bytes) else data)
