"""Calls at a process's start and end."""

from __future__ import annotations

import threading

import pytest

from pyramid_scheduler.occasion import Occasion


def test_calls_are_made_once_in_the_order_of_asking() -> None:
    made: list[int] = []
    start = Occasion()
    for n in range(3):
        start.add(lambda n=n: made.append(n))  # type: ignore[misc]

    start.come()
    start.come()

    assert made == [0, 1, 2]


def test_at_the_end_who_came_last_goes_first() -> None:
    made: list[int] = []
    end = Occasion(latest_first=True)
    for n in range(3):
        end.add(lambda n=n: made.append(n))  # type: ignore[misc]

    end.come()

    assert made == [2, 1, 0]


def test_a_call_that_raises_keeps_no_other_from_being_made(caplog: pytest.LogCaptureFixture) -> None:
    made: list[str] = []
    end = Occasion()
    end.add(lambda: 1 / 0)
    end.add(lambda: made.append("other"))

    end.come()

    assert made == ["other"]
    assert "ZeroDivisionError" in caplog.text


def test_what_comes_aside_keeps_nobody_waiting_and_can_be_waited_for() -> None:
    gate, made = threading.Event(), list[str]()
    stop = Occasion()
    stop.add(lambda: made.append("called") if gate.wait(10) else None)

    stop.come_aside()
    assert made == []
    gate.set()
    stop.wait(10)

    assert made == ["called"]
