"""Cameras, which record what is known of workers and tasks."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from compat.bin.celery import main
from compat.events.snapshot import Polaroid


class Album(Polaroid):
    """Whose pictures are the names of workers; the first that shows one ends the program."""

    clear_after = True
    pictures: ClassVar[list[list[str]]] = []

    def on_shutter(self, state: Any) -> None:
        shows = any(self.pictures)
        self.pictures.append(sorted(state.workers))
        if state.workers and not shows:
            _thread.interrupt_main()


@pytest.fixture
def _teller(app: Any) -> Any:
    """A worker that says again and again that it is there."""
    app.conf.broker_transport_options = {"polling_interval": 0.01}
    heard = threading.Event()

    def tell() -> None:
        with app.events.default_dispatcher(hostname="one@here") as dispatcher:
            while not heard.wait(0.02):
                dispatcher.send("worker-heartbeat")

    thread = threading.Thread(target=tell)
    thread.start()
    yield
    heard.set()
    thread.join()


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """What a shell runs in the background ignores interruptions."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_teller", "_interruptible")
def test_the_word_events_takes_pictures_with_a_camera_until_the_program_is_interrupted(
    app: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["events", "-c", f"{__name__}:Album", "-F", "0.05", "--pidfile", str(tmp_path / "pid")], app=app)

    assert ["one@here"] in Album.pictures
    assert f"Taking snapshots with {__name__}:Album (every 0.05 secs.)" in capsys.readouterr().out
    assert not (tmp_path / "pid").exists()


class Shelf:
    """A timer that calls nothing by itself."""

    def __init__(self) -> None:
        self.calls: dict[float, Any] = {}
        self.canceled = 0

    def call_repeatedly(self, seconds: float, call: Any) -> Any:
        self.calls[seconds] = call
        shelf = self

        class Entry:
            def __call__(self) -> None:
                call()

            def cancel(self) -> None:
                shelf.canceled += 1

        return Entry()


def test_a_camera_takes_pictures_and_tidies_up_at_its_times_and_takes_one_more_in_the_end(app: Any) -> None:
    timer, told = Shelf(), []

    class Camera(Polaroid):
        def on_shutter(self, state: Any) -> None:
            told.append(state)

        def on_cleanup(self) -> None:
            told.append("cleanup")

    state = app.events.State()
    with Camera(state, freq=2, cleanup_freq=60, timer=timer, app=app):
        timer.calls[2]()
        timer.calls[60]()

    assert told == [state, "cleanup", state]
    assert timer.canceled == 2


def test_a_camera_takes_no_more_pictures_than_its_rate_allows(app: Any) -> None:
    seen = []
    camera = Polaroid(app.events.State(), maxrate="1/h", timer=Shelf(), app=app)
    camera.shutter_signal.connect(receive := lambda sender, **kwargs: seen.append(sender))
    camera.capture()
    camera.capture()

    assert seen == [camera.state]
    camera.shutter_signal.disconnect(receive)
