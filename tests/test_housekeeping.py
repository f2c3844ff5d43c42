"""When house is kept, and who waits for it: nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyramid_scheduler import Scheduler, Settings
from pyramid_scheduler.housekeeping import Housekeeping
from pyramid_scheduler.ledger.ledger import open_ledger
from tests.fleet import PATIENCE_SECONDS, wait_for
from tests.moved_clock import MovedClock
from tests.shop import jobs

MakeScheduler = Callable[..., Scheduler]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def running(tmp_path: Path, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeScheduler]:
    """Starts a scheduler in combined mode."""
    monkeypatch.setenv("SHOP_DIRECTORY", str(tmp_path))
    made: list[Scheduler] = []

    def start(period: float, append: Callable[[], object]) -> Scheduler:
        url = f"sqlite:///{tmp_path}/jobs.sqlite"
        settings = Settings(broker_url=url, housekeeping_seconds=period, housekeeping_append=append)
        made.append(Scheduler(settings, clock=clock))
        made[0].start_consumer()
        return made[0]

    yield start
    made[0].shutdown(1)


def test_jobs_are_fired_while_housekeeping_takes_its_time(running: MakeScheduler, tmp_path: Path) -> None:
    entered, let_go, calls = threading.Event(), threading.Event(), []

    def append() -> None:
        calls.append(1)
        entered.set()
        let_go.wait(PATIENCE_SECONDS)

    scheduler = running(0.01, append)
    assert entered.wait(PATIENCE_SECONDS)
    scheduler.add_interval_job(jobs.mark, seconds=0.05, args=("fired",))
    effects = tmp_path / "effects"
    wait_for(lambda: effects.exists() and len(effects.read_text().splitlines()) >= 3, seconds=10)
    assert len(calls) == 1
    let_go.set()


def test_house_is_kept_within_a_minute_of_the_start_and_then_once_a_period(
    running: MakeScheduler, clock: MovedClock
) -> None:
    calls: list[float] = []
    running(3600.0, lambda: calls.append(clock.monotonic()))
    clock.ahead_seconds = 60
    wait_for(lambda: len(calls) == 1, seconds=10)
    clock.ahead_seconds += 3600
    wait_for(lambda: len(calls) == 2, seconds=10)


def test_a_ledger_that_does_not_answer_puts_housekeeping_off(caplog: pytest.LogCaptureFixture) -> None:
    ledger = open_ledger("postgresql+psycopg://nobody@127.0.0.1:9/nothing", MovedClock(), embedded=False)
    housekeeping = Housekeeping(ledger, Settings())
    housekeeping.begin()
    wait_for(lambda: "housekeeping waits for its next time" in caplog.text, seconds=10)
    ledger.close()
