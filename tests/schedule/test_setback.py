"""What becomes of recurring jobs when the clock is put back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat.schedules import crontab, schedule
from compat.triggers import trigger_of
from pyramid_scheduler import Scheduler, Settings
from pyramid_scheduler.core.kind import JobKind
from pyramid_scheduler.core.options import NO_OPTIONS
from pyramid_scheduler.core.run import Record, RunState
from pyramid_scheduler.core.schedule import Schedule
from pyramid_scheduler.schedule import triggers
from pyramid_scheduler.schedule.dates import zone
from pyramid_scheduler.schedule.setback import Setbacks
from tests import servers
from tests.moved_clock import MovedClock
from tests.shop import jobs

HOUR = 3600.0
NOON = 1_800_014_400.0  # 12:00 UTC
STEPS = {"an hour": HOUR, "ten days": 240 * HOUR}


class Clock(MovedClock):
    """Shows ``noon``, and goes on by ``ahead_seconds``; ``put_back`` changes only what it shows."""

    def __init__(self, noon: float = NOON) -> None:
        super().__init__()
        self.put_back = 0.0
        self._shown = noon

    def time(self) -> float:
        return self._shown + self.ahead_seconds - self.put_back


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Shop:
    """A timekeeper that is turned by hand, and what it fires. Ledger and broker are not one, so that each run is
    claimed by its token, and one that was claimed before is none."""

    def __init__(self, broker: str, ledger: str, clock: Clock) -> None:
        self.clock = clock
        self.scheduler = Scheduler(Settings(broker_url=broker, ledger_url=ledger, allow=("tests",)), clock=clock)
        self.scheduler.wiring.make_tables()
        self.ledger = self.scheduler.ledger
        self.keeper = self.scheduler.wiring.timekeeper("keeper")
        self.setbacks = [Setbacks(self.ledger.schedules, clock, alone=True) for _ in range(2)]

    def store(self, trigger: triggers.Trigger, **more: Any) -> None:
        kind = JobKind.INTERVAL if trigger["type"] == "interval" else JobKind.CRON
        now = self.clock.time()
        due = triggers.next_fire(trigger, None, now)
        message = self.scheduler.composer.async_job(jobs.mark, ("x",), None, None, NO_OPTIONS)
        new = Schedule("job", kind, message.queue, message.task, trigger, message, due, due, created_at=now, **more)
        self.ledger.schedules.add([new])

    def live(self, seconds: float) -> list[str]:
        """Go on for so long; the due times of what ran, which is settled at once."""
        end, ran = self.clock.ahead_seconds + seconds, []
        while True:
            ran += self._turn()
            following = self.ledger.schedules.next_fire_at()
            if following is None or following - self.clock.time() > end - self.clock.ahead_seconds:
                self.clock.ahead_seconds = end
                return ran + self._turn()
            self.clock.ahead_seconds += max(following - self.clock.time(), 0.0)

    def _turn(self) -> list[str]:
        for one in self.setbacks:
            one.turn()
        self.keeper.tick()
        source = self.scheduler.broker.source(self.scheduler.settings.queues, "looker")
        found = source.receive(100, 0)
        source.ack(found)
        source.close()
        allowed = self.ledger.runs.claim([(one.headers["id"], one.headers["ps-token"]) for one in found])
        found = [one for one in found if one.headers["ps-token"] in allowed]
        now = self.clock.time()
        for one in found:
            record = Record(
                one.headers["id"], "job", "cron", "default", "t", RunState.SUCCEEDED, "w", now, 0.0, due_at=now
            )
            self.ledger.history.settle([record], [], [])
        return [str(one.headers["ps-due"]) for one in found]


MakeShop = Callable[..., Shop]


@pytest.fixture
def make_shop(tmp_path: Path, clock: Clock) -> Iterator[MakeShop]:
    shops: list[Shop] = []

    def make(ledger: str = f"sqlite:///{tmp_path}/ledger.sqlite") -> Shop:
        shops.append(Shop(f"sqlite:///{tmp_path}/broker.sqlite", ledger, clock))
        return shops[-1]

    yield make
    for shop in shops:
        shop.scheduler.shutdown(0)


FREQUENT: dict[str, triggers.Trigger] = {
    "an interval": triggers.interval_trigger(minutes=10),
    "an interval with a start": triggers.interval_trigger(minutes=10, start_date=NOON - 720 * HOUR),
    "every ten minutes": triggers.cron_trigger(minute="*/10", timezone="UTC"),
    "every ten minutes of Celery's": trigger_of(crontab(minute="*/10"), zone("UTC")),  # type: ignore[arg-type]
    "an interval of Celery's by the clock": trigger_of(schedule(600, relative=True), zone("UTC")),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("which", FREQUENT)
def test_what_recurs_all_day_goes_on_as_if_nothing_had_been(
    make_shop: MakeShop, clock: Clock, which: str, step: str
) -> None:
    shop = make_shop()
    shop.store(FREQUENT[which])
    before = len(shop.live(1.1 * HOUR))
    clock.put_back = STEPS[step]
    assert before >= 6
    assert len(shop.live(2 * HOUR)) in (12, 13)


FIXED: dict[str, triggers.Trigger] = {
    "a time of the day": triggers.cron_trigger(hour=12, minute=30, timezone="UTC"),
    "a time of the day of Celery's": trigger_of(crontab(minute="30", hour="12"), zone("UTC")),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("which", FIXED)
def test_a_fixed_time_that_has_been_does_not_come_again(make_shop: MakeShop, clock: Clock, which: str) -> None:
    shop = make_shop()
    shop.store(FIXED[which])
    assert shop.live(0.75 * HOUR) == ["2027-01-15T12:30:00+00:00"]
    clock.put_back = HOUR
    assert shop.live(24 * HOUR) == []
    assert shop.live(HOUR) == ["2027-01-16T12:30:00+00:00"]


@pytest.mark.parametrize("which", FIXED)
def test_a_clock_that_was_wrong_by_days_keeps_no_fixed_time_from_coming(
    make_shop: MakeShop, clock: Clock, which: str
) -> None:
    shop = make_shop()
    shop.store(FIXED[which])
    shop.live(0.75 * HOUR)
    clock.put_back = 240 * HOUR
    assert shop.live(48 * HOUR) == ["2027-01-06T12:30:00+00:00", "2027-01-07T12:30:00+00:00"]


@pytest.mark.parametrize("which", FIXED)
def test_nor_the_first_one_of_a_job_that_was_made_while_it_was_wrong(
    make_shop: MakeShop, clock: Clock, which: str
) -> None:
    shop = make_shop()
    shop.store(FIXED[which])
    shop.live(60)
    clock.put_back = 240 * HOUR
    assert shop.live(24 * HOUR) == ["2027-01-05T12:30:00+00:00"]


def test_what_never_fired_and_what_is_not_to_start_yet_wait_no_longer_than_they_would(
    make_shop: MakeShop, clock: Clock
) -> None:
    shop = make_shop()
    shop.store(triggers.interval_trigger(minutes=10))
    shop.live(60)
    clock.put_back = HOUR
    assert len(shop.live(650)) == 1
    shop.ledger.schedules.remove(["job"])
    shop.store(triggers.interval_trigger(minutes=10, start_date=clock.time() + 2 * HOUR))
    shop.live(60)
    clock.put_back = 2 * HOUR
    assert shop.live(2.9 * HOUR) == []
    assert len(shop.live(0.2 * HOUR)) in (1, 2)


def test_an_interval_keeps_its_phase(make_shop: MakeShop, clock: Clock) -> None:
    shop = make_shop()
    shop.store(triggers.interval_trigger(days=1, start_date=NOON))
    assert shop.live(60) == ["2027-01-15T12:00:00+00:00"]
    clock.put_back = HOUR
    assert shop.live(2 * HOUR) == ["2027-01-15T12:00:00+00:00"]


def test_a_canceled_job_is_gone_at_once(make_shop: MakeShop, clock: Clock) -> None:
    shop = make_shop()
    shop.store(triggers.interval_trigger(minutes=10))
    shop.live(0)
    shop.scheduler.cancel_job("job")
    clock.put_back = HOUR
    shop.live(0)
    assert shop.ledger.schedules.get("job") is None


@pytest.mark.parametrize("alone", [True, False])
def test_of_a_clock_put_back_while_nobody_looked_only_who_is_alone_can_be_sure(
    make_shop: MakeShop, clock: Clock, caplog: pytest.LogCaptureFixture, alone: bool
) -> None:
    shop = make_shop()
    shop.store(FREQUENT["an interval"])
    shop.live(HOUR)
    clock.put_back = 24 * HOUR
    shop.setbacks = [Setbacks(shop.ledger.schedules, clock, alone=alone)]
    assert len(shop.live(HOUR)) in ((6, 7) if alone else (0,))
    assert ("must be in step" in caplog.text) is not alone


@pytest.mark.parametrize("kind", servers.DATABASES)
def test_runs_that_are_open_stay_known_and_so_does_all_of_other_jobs(
    make_shop: MakeShop, clock: Clock, tmp_path: Path, kind: str
) -> None:
    with servers.fresh_database(kind, tmp_path) as url:
        shop = make_shop(url)
        shop.store(FREQUENT["an interval"], max_instances=1)
        shop.clock.ahead_seconds += 600
        shop.keeper.tick()
        clock.put_back = HOUR
        with shop.ledger.schedules.ahead(clock.time(), "", 10) as batch:
            assert [one.id for one in batch.schedules] == ["job"]
            batch.forget_runs(["job"], clock.time())
            assert batch.open_runs(["job"]) == {"job": 1}
        assert shop.ledger.schedules.seconds_ahead(clock.time()) == pytest.approx(HOUR, abs=1)
        shop.scheduler.shutdown(0)


def test_the_machines_own_clock_is_watched_by_every_timekeeper(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock(time.time())
    scheduler = Scheduler(Settings(broker_url=f"sqlite:///{tmp_path}/jobs.sqlite"), clock=clock)
    keeper = scheduler.wiring.timekeeper("keeper")
    for put_back in (0.0, HOUR):
        clock.put_back = put_back
        for task in keeper._upkeep:
            task()
    assert "the clock was put back by 3600 s" in caplog.text
    scheduler.shutdown(0)


def test_a_process_that_stands_still_while_it_looks_at_the_clock_sees_no_setback(
    make_shop: MakeShop, clock: Clock, mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Setbacks(make_shop().ledger.schedules, clock, alone=True)
    watch.turn()
    mocker.patch.object(clock, "monotonic", side_effect=[100.0, 110.0])
    watch.turn()
    mocker.stopall()
    watch.turn()
    assert "put back" not in caplog.text
