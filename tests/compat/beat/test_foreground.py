"""``app.Beat(…).run()`` with a scheduler class."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Any

import pytest

from compat import signals
from compat.beat import Service
from tests.compat.beat.recording import RecordingScheduler

LONG = 3600.0


class Noting(RecordingScheduler):
    """``noted`` has what became of it, in order."""

    noted: list[str]
    ticked: threading.Event

    def tick(self, *args: Any, **kwargs: Any) -> float:
        self.noted.append("tick")
        self.ticked.set()
        return LONG

    def close(self) -> None:
        self.noted.append("close")
        super().close()


@pytest.fixture
def beat(app: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(app.log, "setup", lambda *args: None)
    Noting.noted, Noting.ticked = [], threading.Event()

    def make(scheduler: Any, **options: Any) -> Any:
        return app.Beat(scheduler=scheduler, **options)

    return make


def interrupt_once(event: threading.Event) -> threading.Thread:
    def kill() -> None:
        event.wait()
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_it_ticks_until_sigterm_and_then_writes_the_schedule_down(
    beat: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    killer = interrupt_once(Noting.ticked)

    assert beat(Noting).run() == 0

    killer.join()
    assert Noting.noted == ["tick", "close"]
    assert signal.getsignal(signal.SIGTERM) is before
    said = capsys.readouterr().out
    assert "Noting keeps the times, and not the ledger" in said
    assert "run one at a time" in said


@pytest.mark.parametrize(("said", "limit"), [({}, 30.0), ({"socket_timeout": 5}, 5.0), ({"socket_timeout": 0}, None)])
def test_a_server_that_is_silent_does_not_keep_it_waiting_for_ever(
    beat: Any, said: dict[str, int], limit: float | None
) -> None:
    limits = []

    class Asking(Noting):
        def tick(self, *args: Any, **kwargs: Any) -> float:
            limits.append(socket.getdefaulttimeout())
            signal.raise_signal(signal.SIGTERM)
            return LONG

    assert beat(Asking, **said).run() == 0
    assert (limits, socket.getdefaulttimeout()) == ([limit], None)


def test_a_tick_that_sends_something_is_let_finish(beat: Any) -> None:
    class Told(Noting):
        def tick(self, *args: Any, **kwargs: Any) -> float:
            signal.raise_signal(signal.SIGTERM)
            return super().tick()

    assert beat(Told).run() == 0
    assert Noting.noted == ["tick", "close"]


def test_told_twice_it_ends_the_tick_but_not_the_writing_down(beat: Any) -> None:
    class Stuck(Noting):
        def tick(self, *args: Any, **kwargs: Any) -> float:
            for _ in range(2):
                signal.raise_signal(signal.SIGTERM)
            return super().tick()

        def close(self) -> None:
            signal.raise_signal(signal.SIGTERM)
            super().close()

    assert beat(Stuck).run() == 0
    assert Noting.noted == ["close"]


def test_told_before_it_ticks_it_leaves_at_once(beat: Any) -> None:
    def waiting_for_a_lock(**kwargs: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    signals.beat_init.connect(waiting_for_a_lock)
    try:
        assert beat(Noting).run() == 0
    finally:
        signals.beat_init.disconnect(waiting_for_a_lock)
    assert Noting.noted == []


def test_what_goes_wrong_in_the_class_ends_it_and_is_logged(beat: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Noting):
        def tick(self, *args: Any, **kwargs: Any) -> float:
            raise KeyError("table")

    with pytest.raises(KeyError):
        beat(Broken).run()
    assert Noting.noted == ["close"]
    assert "beat: KeyError('table')" in caplog.text


def test_its_options_reach_the_service(beat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Service] = []
    monkeypatch.setattr(Service, "start", lambda service: made.append(service))

    beat(Noting, schedule="file", max_interval=7, remote_control=True, hostname="b@h").run()

    service = made[0]
    assert (service.schedule_filename, service.max_interval, service.remote_control, service.hostname) == (
        "file",
        7,
        True,
        "b@h",
    )
