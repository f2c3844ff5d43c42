"""Functions that are called later, in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from queue import Empty, Queue
from typing import Any

import pytest

from compat.utils.timer2 import Schedule, Timer

SECONDS = 10


@pytest.fixture
def said() -> Queue[Any]:
    return Queue()


@pytest.fixture
def timer() -> Iterator[Timer]:
    made = Timer()
    yield made
    made.stop()


def test_each_is_called_when_it_is_due_whichever_came_first(timer: Timer, said: Queue[Any]) -> None:
    timer.call_after(60, said.put, ("never",))
    timer.call_after(0.05, said.put, ("later",))
    timer.call_after(0, said.put, ("soon",))
    timer.enter_after(0.1, timer.Entry(said.put, ("last",)))

    assert [said.get(timeout=SECONDS) for _ in range(3)] == ["soon", "later", "last"]
    assert not timer.empty()


@pytest.mark.parametrize("now", [time.monotonic, lambda: datetime.now(UTC)])
def test_a_moment_that_has_passed_is_now(timer: Timer, said: Queue[Any], now: Any) -> None:
    timer.call_at(now(), said.put, ("call",))
    timer.enter(timer.Entry(said.put, ("entry",)), now())

    assert {said.get(timeout=SECONDS) for _ in range(2)} == {"call", "entry"}


def test_it_is_called_again_and_again_until_it_is_canceled(timer: Timer, said: Queue[Any]) -> None:
    again = timer.call_repeatedly(0.01, said.put, ("tick",))
    ticks = [said.get(timeout=SECONDS) for _ in range(3)]
    timer.cancel(again)
    timer.call_after(0, said.put, ("canceled",))
    while said.get(timeout=SECONDS) != "canceled":
        pass
    timer.call_after(0.05, said.put, ("later",))

    assert ticks == ["tick"] * 3
    assert said.get(timeout=SECONDS) == "later"


def test_an_error_is_told_and_the_next_is_called_all_the_same(said: Queue[Any]) -> None:
    timer = Timer(on_error=lambda error: said.put(type(error)))
    timer.call_after(0, lambda: 1 / 0)
    timer.call_after(0, said.put, ("next",))

    assert [said.get(timeout=SECONDS) for _ in range(2)] == [ZeroDivisionError, "next"]
    timer.stop()


def test_it_starts_with_its_first_entry_and_says_for_how_long_it_waits(said: Queue[Any]) -> None:
    ticks: Queue[float] = Queue()
    timer = Timer(Schedule(max_interval=7), on_start=said.put, on_tick=ticks.put)
    with pytest.raises(Empty):
        said.get_nowait()
    timer.call_after(60, said.put)

    assert said.get(timeout=SECONDS) is timer
    assert ticks.get(timeout=SECONDS) == 7
    assert len(timer.queue) == 1
    timer.clear()
    timer.stop()
    assert (timer.empty(), timer.is_alive()) == (True, False)


def test_it_may_be_stopped_by_what_it_calls(said: Queue[Any]) -> None:
    timer = Timer()
    timer.call_after(0, lambda: (timer.stop(), said.put(threading.current_thread())))

    assert said.get(timeout=SECONDS) is timer
    timer.join(SECONDS)
    assert not timer.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_thread_of_a_timer_can_be_told_when_to_end() -> None:
    timer = Timer()

    timer.exit_after(0)

    timer.join(60)
    assert not timer.is_alive()
