"""Cameras: what is known of workers and tasks, recorded every so often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.utils.limits import TokenBucket

from ..app import app_or_default
from ..bin.pidfile import pidfile as kept
from ..utils.dispatch import Signal
from ..utils.imports import instantiate
from ..utils.log import get_logger
from ..utils.time import rate
from ..utils.timer2 import Timer
from .receiver import listen

__all__ = ("Polaroid", "evcam")
logger = get_logger("celery.evcam")


class Polaroid:
    """A camera: subclasses say in ``on_shutter`` what becomes of the state, each ``freq`` seconds.

    ``maxrate``: at most so many pictures, as in "10/m". With ``clear_after`` the state is empty after each.
    """

    timer: Any = None
    shutter_signal = Signal(name="shutter_signal", providing_args={"state"})
    cleanup_signal = Signal(name="cleanup_signal")
    clear_after = False

    _tref: Any = None
    _ctref: Any = None

    def __init__(
        self,
        state: Any,
        freq: float = 1.0,
        maxrate: Any = None,
        cleanup_freq: float = 3600.0,
        timer: Any = None,
        app: Any = None,
    ) -> None:
        self.app = app_or_default(app)
        self.state = state
        self.freq = freq
        self.cleanup_freq = cleanup_freq
        self.timer = timer or self.timer or Timer()
        self.logger = logger
        self.maxrate = maxrate and TokenBucket(rate(maxrate))

    def install(self) -> None:
        self._tref = self.timer.call_repeatedly(self.freq, self.capture)
        self._ctref = self.timer.call_repeatedly(self.cleanup_freq, self.cleanup)

    def on_shutter(self, state: Any) -> None:
        """To be overridden: record it. Nothing of it changes meanwhile."""

    def on_cleanup(self) -> None:
        """To be overridden: drop what is too old."""

    def cleanup(self) -> None:
        self.cleanup_signal.send(sender=self.state)
        self.on_cleanup()

    def shutter(self) -> None:
        if not self.maxrate or self.maxrate.can_consume():
            self.shutter_signal.send(sender=self.state)
            self.on_shutter(self.state)

    def capture(self) -> None:
        self.state.freeze_while(self.shutter, clear_after=self.clear_after)

    def cancel(self) -> None:
        if self._tref:
            self._tref()  # a last picture, of what has come since
            self._tref.cancel()
        if self._ctref:
            self._ctref.cancel()

    def __enter__(self) -> Polaroid:
        self.install()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.cancel()


def evcam(
    camera: str | Callable[..., Any],
    freq: float = 1.0,
    maxrate: Any = None,
    loglevel: Any = 0,
    logfile: Any = None,
    pidfile: str | None = None,
    timer: Any = None,
    app: Any = None,
    **kwargs: Any,
) -> None:
    """Take pictures with the camera, a class or its path, until the program is interrupted: then SystemExit.

    Connects again when the connection is lost.
    """
    app = app_or_default(app)
    app.log.setup_logging_subsystem(loglevel, logfile)
    print(f"-> evcam: Taking snapshots with {camera} (every {freq} secs.)", flush=True)
    state = app.events.State()
    with kept(pidfile, alone=True), instantiate(camera, state, app=app, freq=freq, maxrate=maxrate, timer=timer):
        try:
            with app.connection_for_read() as connection:
                listen(app, connection, state.event, _log_loss)
        except KeyboardInterrupt:
            raise SystemExit from None


def _log_loss(error: Exception) -> None:
    logger.error("the connection was lost (%s); connecting again", error)
