"""Beat, started and stopped."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from compat import signals
from compat.beat import EmbeddedService, Scheduler, Service
from tests.compat.beat.recording import RecordingScheduler

SECONDS = 10


class OneTick(RecordingScheduler):
    """Stops its service at the first tick."""

    service: Any = None

    def tick(self, *args: Any, **kwargs: Any) -> float:
        type(self).service.stop()
        return 0.0


def test_it_ticks_until_it_is_stopped_and_then_writes_the_schedule_down(app: Any) -> None:
    OneTick.service = service = Service(app, scheduler_cls=OneTick)
    thread = threading.Thread(target=service.start)
    thread.start()
    thread.join(SECONDS)

    assert not thread.is_alive()
    assert service.scheduler.synced == 1
    service.stop(wait=True)


class Unclosable(OneTick):
    def close(self) -> None:
        raise OSError("no space left")


def test_where_the_schedule_cannot_be_written_down_it_ends_and_nobody_waits_for_it(app: Any) -> None:
    OneTick.service = service = Service(app, scheduler_cls=Unclosable, remote_control=True)
    with pytest.raises(OSError, match="no space left"):
        service.start()

    assert service._is_stopped.is_set()
    assert service._pidbox.thread is None or not service._pidbox.thread.is_alive()


def test_it_tells_that_it_starts(app: Any) -> None:
    told: list[Any] = []

    def note(sender: Any, **kwargs: Any) -> None:
        told.append(sender)

    signals.beat_init.connect(note)
    signals.beat_embedded_init.connect(note)
    try:
        OneTick.service = service = Service(app, scheduler_cls=OneTick)
        service.start(embedded_process=True)
        assert told == [service, service]
    finally:
        signals.beat_init.disconnect(note)
        signals.beat_embedded_init.disconnect(note)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_ends_it_in_good_order(app: Any, interrupt: type[BaseException]) -> None:
    class Interrupted(RecordingScheduler):
        def tick(self, *args: Any, **kwargs: Any) -> float:
            raise interrupt

    service = Service(app, scheduler_cls=Interrupted)
    service.start()

    assert service.scheduler.synced == 1


def test_its_scheduler_may_be_named(app: Any) -> None:
    service = Service(app, scheduler_cls="tests.compat.beat.recording:RecordingScheduler", max_interval=3)

    assert type(service.scheduler) is RecordingScheduler
    assert service.scheduler.max_interval == 3


def test_file_and_interval_are_settings(app: Any, tmp_path: Path) -> None:
    app.conf.update(beat_schedule_filename=str(tmp_path / "s"), beat_max_loop_interval=11)
    service = Service(app)

    assert (service.schedule_filename, service.max_interval) == (str(tmp_path / "s"), 11)


def test_it_comes_back_from_a_pickle_with_its_options(app: Any) -> None:
    service = Service(app, max_interval=4, schedule_filename="s", scheduler_cls=Scheduler, hostname="beat@here")
    again = pickle.loads(pickle.dumps(service))

    assert (again.max_interval, again.schedule_filename, again.scheduler_cls) == (4, "s", Scheduler)
    assert again.hostname == "beat@here"


def test_embedded_in_a_thread_it_sends_what_is_due(app: Any) -> None:
    sent = threading.Event()

    class Telling(RecordingScheduler):
        def send_task(self, *args: Any, **kwargs: Any) -> None:
            sent.set()

    app.conf.beat_schedule = {"often": {"task": "shop.often", "schedule": 0.01}}
    beat = EmbeddedService(app, thread=True, scheduler_cls=Telling)
    beat.start()
    try:
        assert sent.wait(SECONDS)
    finally:
        beat.stop()
        beat.join(SECONDS)
    assert not beat.is_alive()


def test_it_has_no_ear_on_a_broker_that_kombu_does_not_know(
    app: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app.conf.broker_url = f"sqlite:///{tmp_path}/broker.sqlite"
    OneTick.service = service = Service(app, scheduler_cls=OneTick, remote_control=True)

    service.start()

    assert "beat answers no remote control: the sqlite transport has no fanout" in caplog.text


def test_it_answers_a_ping_while_it_ticks(app: Any) -> None:
    started = threading.Event()

    class Ticking(RecordingScheduler):
        def tick(self, *args: Any, **kwargs: Any) -> float:
            started.set()
            return 0.05

    app.conf.broker_transport_options = {"polling_interval": 0.01}
    service = Service(app, scheduler_cls=Ticking, remote_control=True, hostname="beat@here")
    thread = threading.Thread(target=service.start)
    thread.start()
    try:
        assert started.wait(SECONDS)
        assert app.control.ping(destination=["beat@here"], timeout=SECONDS, limit=1) == [{"beat@here": {"ok": "pong"}}]
    finally:
        service.stop(wait=True)
        thread.join(SECONDS)
