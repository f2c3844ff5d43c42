"""Ending a run while it runs."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.errors import JobTerminated
from pyramid_scheduler.core.run import Run
from pyramid_scheduler.work.interruption import finish
from pyramid_scheduler.work.terminations import WAKING_SIGNAL, Terminations
from tests.work.fakes import delivery


def test_a_run_is_asked_to_end_once() -> None:
    terminations = Terminations(SystemClock())
    one = delivery("r")

    def end_and_spin() -> None:
        assert terminations.end("r", 9)
        assert not terminations.end("r", 9)
        for _ in range(10**8):
            pass

    with pytest.raises(JobTerminated) as raised:
        terminations.call(Run("r", "job", (), {}, one.headers, one), end_and_spin)
    assert raised.value.signum == 9
    assert not terminations.end("r", 9)


class Meeting(dict[str, Any]):
    """Of runs: who looks one up, and is not the run's own thread, goes on when the run has had time to end."""

    def __init__(self) -> None:
        self.looked, self.ended = threading.Event(), threading.Event()
        self.own = threading.get_ident()

    def get(self, run_id: str, default: Any = None) -> Any:
        found = super().get(run_id, default)
        if threading.get_ident() != self.own:
            self.looked.set()
            self.ended.wait(5)
        return found


def test_a_run_that_ends_while_it_is_interrupted_leaves_nothing_that_comes_up_in_the_next() -> None:
    terminations = Terminations(SystemClock())
    terminations._holds = meeting = Meeting()
    one = delivery("r")
    other = threading.Thread(target=terminations.interrupt, args=("r",))

    def begin() -> None:
        other.start()
        meeting.looked.wait(5)

    terminations.call(Run("r", "job", (), {}, one.headers, one), begin)
    meeting.ended.set()
    other.join()

    assert sum(range(10**5)) == sum(n for n in range(10**5))  # steps at which it would come up
    assert not meeting


def test_the_application_keeps_its_handler_of_the_signal_that_wakes_runs() -> None:
    heard: list[int] = []
    before = signal.signal(WAKING_SIGNAL, lambda number, frame: heard.append(number))
    one = delivery("r")
    try:
        Terminations(SystemClock()).call(Run("r", "job", (), {}, one.headers, one), signal.raise_signal, WAKING_SIGNAL)
    finally:
        signal.signal(WAKING_SIGNAL, before)

    assert heard == [WAKING_SIGNAL]


def test_what_is_interrupted_while_it_cleans_up_is_cleaned_up_all_the_same() -> None:
    steps: list[int] = []

    def cleanup() -> None:
        steps.append(len(steps))
        if len(steps) == 1:
            raise JobTerminated(15)

    with pytest.raises(JobTerminated):
        finish(cleanup)
    assert steps == [0, 1]
