"""At sunrise, at dusk: where the sun stands. Needs the package ``ephem``."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..exceptions import ImproperlyConfigured
from ..utils.time import localize, subtract_datetimes, timezone
from .base import BaseSchedule, schedstate


class _Event(NamedTuple):
    method: str
    horizon: str  # degrees
    use_center: bool = False  # of the sun's disc, rather than its upper edge


_EVENTS = {
    "dawn_astronomical": _Event("next_rising", "-18", True),
    "dawn_nautical": _Event("next_rising", "-12", True),
    "dawn_civil": _Event("next_rising", "-6", True),
    "sunrise": _Event("next_rising", "-0:34"),
    "solar_noon": _Event("next_transit", "0"),
    "sunset": _Event("next_setting", "-0:34"),
    "dusk_civil": _Event("next_setting", "-6", True),
    "dusk_nautical": _Event("next_setting", "-12", True),
    "dusk_astronomical": _Event("next_setting", "-18", True),
}


class solar(BaseSchedule):
    """At ``event`` as seen from a place: ``lat`` -90 to 90, ``lon`` -180 to 180; raises ValueError for others."""

    #: How far to look for an event that does not happen every day (beyond the polar circles).
    max_search_days = 366
    _all_events = frozenset(_EVENTS)

    def __init__(self, event: str, lat: float, lon: float, **kwargs: Any) -> None:
        try:
            self.ephem = importlib.import_module("ephem")
        except ImportError as error:
            raise ImproperlyConfigured("solar schedules need ephem: pip install ephem (or celery[solar])") from error
        _check(event, lat, lon)
        self.event = event
        self.lat = lat
        self.lon = lon
        super().__init__(**kwargs)
        self.method, horizon, self.use_center = _EVENTS[event]
        self.cal = self.ephem.Observer()
        self.cal.lat = str(lat)
        self.cal.lon = str(lon)
        self.cal.elev = 0
        self.cal.horizon = horizon
        self.cal.pressure = 0

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        """Time until the event after ``last_run_at``; where there is none, until it makes sense to look again."""
        start = localize(self.maybe_make_aware(last_run_at), timezone.utc)
        self.cal.date = start
        moment = self._next_event(self.ephem.Date(start))
        return subtract_datetimes(self.maybe_make_aware(moment.datetime()), self.maybe_make_aware(self.now()))

    def _next_event(self, start: Any) -> Any:
        sun = self.ephem.Sun()
        options = {"use_center": True} if self.use_center else {}
        for _ in range(self.max_search_days):
            try:
                return getattr(self.cal, self.method)(sun, start=start, **options)
            except self.ephem.CircumpolarError:
                start = self.cal.next_antitransit(sun, start=start)
        return start

    def is_due(self, last_run_at: datetime) -> schedstate:
        seconds = self._seconds_left(last_run_at)
        return schedstate(False, seconds) if seconds else schedstate(True, self._seconds_left(self.now()))

    def __reduce__(self) -> Any:
        return type(self), (self.event, self.lat, self.lon)

    def __repr__(self) -> str:
        return f"<solar: {self.event} at latitude {self.lat}, longitude: {self.lon}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, solar):
            return NotImplemented
        return (self.event, self.lat, self.lon) == (other.event, other.lat, other.lon)

    __hash__ = None


def _check(event: str, lat: float, lon: float) -> None:
    if event not in _EVENTS:
        raise ValueError(f"{event!r} is no solar event; there are {', '.join(sorted(_EVENTS))}")
    if not -90 <= lat <= 90:
        raise ValueError(f"latitude {lat} is not within -90 to 90")
    if not -180 <= lon <= 180:
        raise ValueError(f"longitude {lon} is not within -180 to 180")
