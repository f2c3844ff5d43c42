"""Where the sun stands."""

from __future__ import annotations

import pickle
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compat.exceptions import ImproperlyConfigured
from compat.schedules import solar

MELBOURNE = (-37.81753, 144.96715)
TROMSO = (69.65, 18.95)


def test_without_ephem_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ephem", None)

    with pytest.raises(ImproperlyConfigured, match="pip install ephem"):
        solar("sunset", *MELBOURNE)


class TestWithEphem:
    @pytest.fixture(autouse=True)
    def _ephem(self) -> None:
        pytest.importorskip("ephem")

    @pytest.mark.parametrize("place", [(91, 0), (-91, 0), (0, 181), (0, -181)])
    def test_a_place_off_the_globe_is_refused(self, place: tuple[float, float]) -> None:
        with pytest.raises(ValueError):
            solar("sunset", *place)

    def test_an_unknown_event_is_refused_with_those_there_are(self) -> None:
        with pytest.raises(ValueError, match="solar_noon"):
            solar("teatime", *MELBOURNE)

    def test_the_events_of_a_day_come_in_their_order(self, app: Any) -> None:
        start = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)  # past midnight in Melbourne

        def comes_in(event: str) -> timedelta:
            return solar(event, *MELBOURNE, nowfun=lambda: start, app=app).remaining_estimate(start)

        order = ["dawn_astronomical", "dawn_nautical", "dawn_civil", "sunrise", "solar_noon", "sunset", "dusk_civil"]
        order += ["dusk_nautical", "dusk_astronomical"]
        assert sorted(order, key=comes_in) == order
        assert timedelta(hours=11.5) < comes_in("sunset") - comes_in("sunrise") < timedelta(hours=12.5)

    def test_it_is_due_once_the_event_has_come(self, app: Any) -> None:
        last = datetime(2026, 3, 20, 14, 0, tzinfo=UTC)
        day_later = last + timedelta(days=1)
        sunset = solar("sunset", *MELBOURNE, nowfun=lambda: day_later, app=app)

        assert sunset.is_due(last).is_due
        assert not sunset.is_due(day_later).is_due

    def test_where_the_sun_does_not_rise_for_weeks_it_is_waited_for(self, app: Any) -> None:
        december = datetime(2026, 12, 1, tzinfo=UTC)
        sunrise = solar("sunrise", *TROMSO, nowfun=lambda: december, app=app)

        assert timedelta(days=30) < sunrise.remaining_estimate(december) < timedelta(days=60)

    def test_it_comes_back_from_a_pickle_equal(self) -> None:
        made = solar("sunset", *MELBOURNE)

        assert pickle.loads(pickle.dumps(made)) == made
        assert made != solar("sunrise", *MELBOURNE)

    def test_its_repr_says_event_and_place(self) -> None:
        assert repr(solar("sunset", 60, 30)) == "<solar: sunset at latitude 60, longitude: 30>"
