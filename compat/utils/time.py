"""Dates, zones, rates and delays."""

from __future__ import annotations

import logging
import numbers
import random
import time as _time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from .ffwd import ffwd
from .text import pluralize

log = logging.getLogger("celery.utils.time")
__all__ = [
    "LocalTimezone", "add_seconds_to_datetime", "adjust_timestamp", "delta_resolution", "ffwd",
    "get_exponential_backoff_interval", "humanize_seconds", "is_naive", "localize", "make_aware", "maybe_iso8601",
    "maybe_make_aware", "maybe_timedelta", "rate", "remaining", "subtract_datetimes", "timezone", "to_utc",
    "utcoffset", "weekday", "yearmonth",
]  # fmt: skip

DAYNAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
WEEKDAYS = {name: number for number, name in enumerate(DAYNAMES)}
MONTHNAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
YEARMONTHS = {name: number for number, name in enumerate(MONTHNAMES, 1)}
SECONDS_PER_RATE_UNIT = {"s": 1.0, "m": 60.0, "h": 3600.0}
TIME_UNITS = (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0))
ZERO = timedelta(0)


class LocalTimezone(tzinfo):
    """The C library's idea of local time, for machines whose zone has no name."""

    def __init__(self) -> None:
        self.STDOFFSET = timedelta(seconds=-_time.timezone)
        self.DSTOFFSET = timedelta(seconds=-_time.altzone) if _time.daylight else self.STDOFFSET
        self.DSTDIFF = self.DSTOFFSET - self.STDOFFSET

    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(seconds=self._local(dt).tm_gmtoff)

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(seconds=_time.timezone - _time.altzone) if self._local(dt).tm_isdst > 0 else ZERO

    def tzname(self, dt: datetime | None) -> str:
        return self._local(dt).tm_zone

    def fromutc(self, dt: datetime) -> datetime:
        return dt.replace(tzinfo=UTC).astimezone(None)

    def _local(self, dt: datetime | None) -> _time.struct_time:
        return _time.localtime(None if dt is None else dt.replace(tzinfo=None).timestamp())

    def __repr__(self) -> str:
        return f"<LocalTimezone: UTC{int(self.DSTOFFSET.total_seconds() / 3600):+03d}>"


class _Zone:
    """The zones an app deals with."""

    def tz_or_local(self, tzinfo: Any = None) -> tzinfo:
        return self.local if tzinfo is None else self.get_timezone(tzinfo)  # type: ignore[no-any-return]

    def to_local(self, dt: datetime, local: Any = None, orig: Any = None) -> datetime:
        """``dt`` (naive: of the zone ``orig``, or UTC) in the zone ``local``, or this machine's."""
        aware = make_aware(dt, orig or self.utc) if is_naive(dt) else dt
        return localize(aware, self.tz_or_local(local))

    def to_system(self, dt: datetime) -> datetime:
        return dt.astimezone(tz=None)

    def to_local_fallback(self, dt: datetime) -> datetime:
        return make_aware(dt, self.local) if is_naive(dt) else localize(dt, self.local)

    def get_timezone(self, zone: Any) -> Any:
        """A zone by its name."""
        return ZoneInfo(zone) if isinstance(zone, str) else zone

    @cached_property
    def local(self) -> Any:
        try:
            from tzlocal import get_localzone

            return get_localzone()
        except Exception as error:
            log.warning("the machine's time zone has no name (%s); the C library's local time is used", error)
            return LocalTimezone()

    @cached_property
    def utc(self) -> tzinfo:
        return ZoneInfo("UTC")


timezone = _Zone()


def maybe_timedelta(delta: Any) -> Any:
    """Seconds as a timedelta."""
    return timedelta(seconds=float(delta)) if isinstance(delta, numbers.Real) else delta


def is_naive(dt: datetime) -> bool:
    return dt.tzinfo is None or dt.tzinfo.utcoffset(dt) is None


def _knows_its_changes(tz: Any) -> bool:
    return isinstance(tz, ZoneInfo) or hasattr(tz, "is_ambiguous")


def is_imaginary(dt: datetime) -> bool:
    """Whether clocks were put forward over that local time."""
    if not _knows_its_changes(dt.tzinfo) or dt.utcoffset() is None:
        return False
    there_and_back = dt.astimezone(UTC).astimezone(dt.tzinfo)
    return there_and_back.replace(tzinfo=None, fold=0) != dt.replace(tzinfo=None, fold=0)


def resolve_imaginary(dt: datetime) -> datetime:
    """A local time that never was, put forward as the clocks were."""
    if not is_imaginary(dt):
        return dt
    day = timedelta(hours=24)
    after, before = (dt + day).utcoffset(), (dt - day).utcoffset()
    return dt + ((after or ZERO) - (before or ZERO))


def make_aware(dt: datetime, tz: Any) -> datetime:
    """``dt`` read as local time of ``tz``: of two such times the first, of none the one the clocks jumped to."""
    aware = dt.replace(tzinfo=tz)
    if not _knows_its_changes(tz):
        return aware
    return resolve_imaginary(aware) if is_imaginary(aware) else _first_of_two(aware)


def _first_of_two(dt: datetime) -> datetime:
    first, second = dt.replace(fold=0), dt.replace(fold=1)
    return first if first.utcoffset() != second.utcoffset() else dt


def localize(dt: datetime, tz: Any) -> datetime:
    """UTC dates in the zone ``tz``, naive ones as of that zone; dates of other zones as they are."""
    aware = make_aware(dt, tz) if is_naive(dt) else dt
    return aware.astimezone(tz) if aware.tzinfo == ZoneInfo("UTC") else aware


def to_utc(dt: datetime) -> datetime:
    """``dt`` read as UTC."""
    return make_aware(dt, timezone.utc)


def maybe_make_aware(dt: datetime, tz: Any = None, naive_as_utc: bool = True) -> datetime:
    """``dt`` put into ``tz``; a naive one is read as UTC, or, unless ``naive_as_utc``, as of ``tz``."""
    if not is_naive(dt):
        return dt
    return localize(to_utc(dt) if naive_as_utc else dt, timezone.utc if tz is None else timezone.tz_or_local(tz))


def maybe_iso8601(dt: Any) -> datetime | None:
    """A date from ISO text."""
    if not dt:
        return None
    return dt if isinstance(dt, datetime) else datetime.fromisoformat(dt)


def add_seconds_to_datetime(dt: datetime, seconds: float) -> datetime:
    """``dt`` that many real seconds later."""
    delta = timedelta(seconds=seconds)
    return dt + delta if is_naive(dt) else (dt.astimezone(UTC) + delta).astimezone(dt.tzinfo)


def subtract_datetimes(end: datetime, start: datetime) -> timedelta:
    """Real time from ``start`` to ``end``; naive ones are UTC."""
    return maybe_make_aware(end).astimezone(UTC) - maybe_make_aware(start).astimezone(UTC)


def delta_resolution(dt: datetime, delta: timedelta) -> datetime:
    """``dt`` cut to whole days, hours or minutes: the coarsest unit of which ``delta`` has at least one."""
    seconds = max(delta.total_seconds(), 0)
    zeroes = {"second": 0, "microsecond": 0}
    if seconds >= 86400:
        return dt.replace(hour=0, minute=0, **zeroes)  # type: ignore[arg-type]
    if seconds >= 3600:
        return dt.replace(minute=0, **zeroes)  # type: ignore[arg-type]
    return dt.replace(**zeroes) if seconds >= 60 else dt  # type: ignore[arg-type]


def remaining(start: datetime, ends_in: Any, now: datetime | None = None, relative: bool = False) -> timedelta:
    """Real time from ``now`` until ``ends_in`` after ``start``.

    ``relative`` moves that end to a whole day, hour or minute of local time (as coarse as ``ends_in`` is): the last one
    not after it, yet after ``start``.
    """
    now = now or datetime.now(UTC)
    day_long = isinstance(ends_in, timedelta) and ends_in >= timedelta(days=1)
    if isinstance(ends_in, timedelta) and not (relative and day_long):
        end = add_seconds_to_datetime(start, ends_in.total_seconds())
    else:
        end = start + ends_in
    if relative:
        end = _rounded_day(start, end, ends_in) if day_long else _rounded_time(start, end, ends_in)
    return end.astimezone(UTC) - now.astimezone(UTC)


def _rounded_ends(dt: datetime, delta: timedelta) -> list[datetime]:
    """The moments (UTC) at which local clocks show ``dt`` rounded: both, where they show it twice."""
    rounded = delta_resolution(dt, delta).replace(microsecond=0)
    ends = []
    for fold in (0, 1):
        candidate = rounded.replace(fold=fold)
        if is_imaginary(candidate):
            candidate = max(candidate, resolve_imaginary(candidate))
        ends.append(candidate.astimezone(UTC))
    return ends


def _rounded_day(start: datetime, end: datetime, delta: timedelta) -> datetime:
    later = [moment for moment in _rounded_ends(end, delta) if moment > start.astimezone(UTC)]
    return min(later, default=end.astimezone(UTC))


def _rounded_time(start: datetime, end: datetime, delta: timedelta) -> datetime:
    begin = start.astimezone(UTC)
    limit = begin + delta
    candidates = _rounded_ends(end, delta)
    rounded = max((moment for moment in candidates if moment <= limit), default=min(candidates))
    if delta < timedelta(minutes=1) or rounded > begin:
        return rounded
    # Clocks went back in between: look at the next whole hour or minute, too.
    unit = timedelta(hours=1) if delta >= timedelta(hours=1) else timedelta(minutes=1)
    candidates += _rounded_ends(end + unit, delta) + _rounded_ends(start + delta, delta)
    later = [moment for moment in candidates if moment > begin]
    return max((moment for moment in later if moment <= limit), default=min(later, default=limit))


def rate(r: Any) -> float:
    """``"100/m"``, ``"2/h"``, ``"0.5/s"`` or a number: per second; 0 for none."""
    if not isinstance(r, str):
        return r or 0
    count, _, unit = r.partition("/")
    return float(count) / SECONDS_PER_RATE_UNIT[unit or "s"] if r else 0


def weekday(name: str) -> int:
    """0 is Sunday; raises KeyError."""
    return _by_name(name, WEEKDAYS)


def yearmonth(name: str) -> int:
    """1 is January; raises KeyError."""
    return _by_name(name, YEARMONTHS)


def _by_name(name: str, numbers_by_name: dict[str, int]) -> int:
    number = numbers_by_name.get(name[:3].lower())
    if number is None:
        raise KeyError(name)
    return number


def humanize_seconds(secs: float, prefix: str = "", sep: str = "", now: str = "now", microseconds: bool = False) -> str:
    """``1.00 minute`` for 60, ``2.00 hours`` for 7200, ``now`` for 0."""
    seconds = round(float(secs), 2)
    for unit, length in TIME_UNITS:
        if seconds >= length:
            count = seconds / length
            return f"{prefix}{sep}{count:.2f} {pluralize(count, unit)}"
    return f"{prefix}{sep}{seconds:.2f} seconds" if microseconds and seconds > 0 else now


def utcoffset(time: Any = _time, localtime: Callable[..., Any] = _time.localtime) -> float:
    """Hours that UTC is ahead of local time."""
    return float(time.altzone if localtime().tm_isdst else time.timezone) / 3600


def adjust_timestamp(ts: float, offset: float, here: Callable[..., float] = utcoffset) -> float:
    """A timestamp from a place of that offset as one from here."""
    return ts - (offset - here()) * 3600


def get_exponential_backoff_interval(factor: int, retries: int, maximum: int, full_jitter: bool = False) -> int:
    """``factor`` × 2^``retries`` seconds, at most ``maximum``; with jitter any number from 0 to that."""
    seconds = min(maximum, factor * 2**retries)
    return max(0, random.randrange(seconds + 1) if full_jitter else seconds)
