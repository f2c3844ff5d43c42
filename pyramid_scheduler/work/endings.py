"""Telling tasks how their runs ended that could not say so themselves."""

from __future__ import annotations

import logging

from ..core.ending import Cause, outcome_of
from ..core.errors import UnreadableMessage, UntrustedMessage
from ..core.interfaces import Sealer
from ..core.message import Delivery, Message
from ..core.run import Outcome, Run, RunState
from ..core.task import TaskRegistry

log = logging.getLogger(__name__)


class Endings:
    """A supervisor does not load the application: it sends word of a run's end, which any worker of the queue reads."""

    def __init__(self, sealer: Sealer, tasks: TaskRegistry) -> None:
        self._sealer = sealer
        self._tasks = tasks

    def read(self, word: Run) -> Outcome:
        """The reserved task: ``args`` are the run's message, cause, detail and reason."""
        try:
            message, cause, detail, reason = word.args
            run = self._sealer.open(_delivery(Message.from_json(message)))
            outcome = outcome_of(Cause(cause), detail, str(reason))
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableMessage(f"the message carries no end of a run that can be read: {error!r}") from error
        if run.trusted and not word.trusted:
            raise UntrustedMessage("an unsigned message may not say how the run of a signed one ended")
        self._tell(run, outcome)
        return Outcome(RunState.IGNORED)

    def tell(self, delivery: Delivery, outcome: Outcome) -> None:
        """From within the process that ran it; its end is recorded elsewhere, and an error here changes nothing."""
        try:
            self._tell(self._sealer.open(delivery), outcome)
        except Exception:
            log.exception("the task of a run that was %s could not be told: %s", outcome.state, outcome.error)

    def _tell(self, run: Run, outcome: Outcome) -> None:
        task = self._tasks.get(run.task, trusted=run.trusted)
        if task.ended is not None:
            task.ended(run, outcome)


def _delivery(message: Message) -> Delivery:
    return Delivery(
        message.queue,
        message.headers,
        message.body,
        message.content_type,
        message.content_encoding,
        {**message.properties, "priority": message.priority},
        None,
    )
