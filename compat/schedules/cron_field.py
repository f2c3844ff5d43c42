"""One field of a crontab: what may be written, and the numbers it stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..utils.time import weekday, yearmonth

Cronspec = int | str | Iterable[int]


def cronfield(s: Any) -> Any:
    return "*" if s is None else s


class ParseException(Exception):
    """The text is not a crontab field."""


class crontab_parser:
    """Reads fields of ``max_`` numbers that begin at ``min_``.

    Parts are separated by commas; each is ``*``, a number or name, or a range, which may wrap around (``22-2``); ranges
    and ``*`` may be followed by ``/step``.
    """

    ParseException = ParseException

    def __init__(self, max_: int = 60, min_: int = 0) -> None:
        self.max_ = max_
        self.min_ = min_

    def parse(self, spec: str) -> set[int]:
        """The numbers; raises ParseException for a malformed text and ValueError for a number or name out of place."""
        return {number for part in spec.split(",") for number in self._part(part)}

    def _part(self, part: str) -> list[int]:
        if not part:
            raise self.ParseException("empty part")
        span, slash, step = part.partition("/")
        numbers = self._span(span)
        if not slash:
            return numbers
        if not step:
            raise self.ParseException(f"no step follows the slash in {part!r}")
        if step.startswith("-"):
            raise self.ParseException(f"negative steps are not supported: {part!r}")
        if len(numbers) == 1 and "-" not in span:
            raise ValueError(f"a step needs a range or *, as in {span}-{self._last}/{step}, not {part!r}")
        return numbers[:: int(step)]

    def _span(self, span: str) -> list[int]:
        if span == "*":
            return list(range(self.min_, self._last + 1))
        if span.startswith("-"):
            raise self.ParseException(f"negative numbers not supported: {span!r}")
        first, dash, last = span.partition("-")
        begin = self._number(first)
        end = self._number(last) if dash else begin
        if begin <= end:
            return list(range(begin, end + 1))
        return [*range(begin, self._last + 1), *range(self.min_, end + 1)]

    @property
    def _last(self) -> int:
        return self.min_ + self.max_ - 1

    def _number(self, text: str) -> int:
        number = self._value(text)
        if not self.min_ <= number <= self._last:
            raise ValueError(f"{number} is not within {self.min_}-{self._last}")
        return number

    def _value(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            pass
        for names in (yearmonth, weekday):
            try:
                return names(text)
            except KeyError:
                continue
        raise ValueError(f"{text!r} is neither a number nor the name of a day or a month")


def expand(spec: Any, max_: int, min_: int = 0) -> set[int]:
    """The numbers of a field given as an int, a text or an iterable; raises TypeError for anything else."""
    if isinstance(spec, int):
        numbers = {spec}
    elif isinstance(spec, str):
        numbers = crontab_parser(max_, min_).parse(spec)
    elif isinstance(spec, Iterable):
        numbers = spec if isinstance(spec, set) else set(spec)
    else:
        raise TypeError(f"a crontab field is an int, a str or an iterable of ints, not {type(spec)!r}")
    for number in numbers:
        if not min_ <= number < min_ + max_:
            raise ValueError(f"Invalid crontab pattern: {number!r} is not within {min_}-{min_ + max_ - 1}")
    return numbers
