"""The part of a worker that makes, starts and stops the app's steps."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NoReturn

from ..bootsteps import TERMINATE, Blueprint
from ..platforms import EX_FAILURE
from ..utils.log import get_logger
from ..utils.timer2 import Timer

logger = get_logger("celery.worker")
#: What steps are told, beside the options that only they know.
SAID = ("loglevel", "logfile", "concurrency", "task_events", "without_heartbeat")


class Stepping:
    """A worker's steps, and those of its consumer."""

    app: Any
    consumer: Any
    options: dict[str, Any]
    exitcode: int | None
    stop: Any
    #: Of a worker's processes; its consumer's steps are in this one.
    is_first = True
    _terminates = False

    def _init_steps(self) -> None:
        self.steps: list[Any] = []
        self.blueprint = Blueprint(self.app.steps["worker"], name="Worker")

    def boot(self) -> None:
        """Make the app's steps."""
        options = {**{name: getattr(self, name) for name in SAID}, **self.options}
        self.blueprint.apply(self, **options)
        if self.is_first:
            self.consumer.boot(**options)

    def start_steps(self) -> None:
        """Raises SystemExit where a step cannot start."""
        try:
            self.blueprint.start(self)
        except (Exception, SystemExit) as error:
            self.give_up(error)

    def give_up(self, error: BaseException) -> NoReturn:
        """``fail`` before the first task is taken; raises SystemExit."""
        self.fail(error)
        self.blueprint.state = TERMINATE  # as in Celery, none is stopped where one could not start
        raise SystemExit(self.exitcode) from error

    def fail(self, error: BaseException) -> None:
        """End the worker: a step, or the consumer, raised this."""
        if not isinstance(error, SystemExit):
            logger.critical("Unrecoverable error: %r", error, exc_info=error)
        elif not isinstance(error.code, (int, type(None))):  # words, as Python would show them in the end
            logger.critical("%s", error.code)
        said = error.code or 0 if isinstance(error, SystemExit) else EX_FAILURE
        self.stop(exitcode=said if isinstance(said, int) else EX_FAILURE)

    @cached_property
    def timer(self) -> Timer:
        """For steps; its thread starts with the first entry."""
        return Timer(on_error=lambda error: logger.error("Timer error: %r", error, exc_info=error))

    def stop_steps(self) -> None:
        """Safe to call twice."""
        if "timer" in self.__dict__:
            self.timer.stop()  # or it might undo what a step does in the end
        self.blueprint.stop(self, terminate=self._terminates)
