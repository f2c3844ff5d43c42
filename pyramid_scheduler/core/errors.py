"""Every error this project raises on purpose; one root, and each message names the remedy."""

from __future__ import annotations


class SchedulerError(Exception):
    """The root of all errors of pyramid_scheduler."""


class InvalidJob(SchedulerError, ValueError):
    """The job cannot be accepted as it was described."""


class InvalidQueue(SchedulerError, ValueError):
    """The queue is not one of ``scheduler.queues``."""


class InvalidSetting(SchedulerError, ValueError):
    """A ``scheduler.*`` setting is unknown or cannot be read."""


class InvalidMessage(SchedulerError, ValueError):
    """A message or its arguments cannot be carried, read or trusted."""


class UnreadableMessage(InvalidMessage):
    """The bytes on the wire are no task message."""


class UntrustedMessage(InvalidMessage):
    """The message is not signed by a key we hold and asks for more than an unsigned one may."""


class UnknownTask(InvalidMessage, LookupError):
    """The message names a task or function this worker does not have."""


class PoisonMessage(InvalidMessage):
    """Running the message has killed its worker too often."""


class JobNotFound(SchedulerError, LookupError):
    """No job with that id is stored."""


class BrokerUnavailable(SchedulerError, ConnectionError):
    """The broker does not answer."""


class QueueUnavailable(BrokerUnavailable):
    """The broker answers, but takes nothing for that queue now."""


class LedgerUnavailable(SchedulerError, ConnectionError):
    """The ledger's database does not answer."""


class SchemaMismatch(SchedulerError):
    """The database was made by another version of pyramid_scheduler."""


class _LimitExceeded(SchedulerError):
    def __str__(self) -> str:
        """Without words of its own it reads as Celery's does: there are applications that compare that."""
        has_words = bool(self.args) and isinstance(self.args[0], str)
        return super().__str__() if has_words else f"{type(self).__name__}{self.args}"


class SoftTimeLimitExceeded(_LimitExceeded):
    """Raised inside a job that has run longer than its ``soft_time_limit``."""


class TimeLimitExceeded(_LimitExceeded):
    """The job ran longer than its ``time_limit`` and its process was killed."""


class JobTerminated(BaseException):
    """Raised inside a job that somebody has asked to end. No Exception: a job that catches those must end, too."""

    def __init__(self, signum: int = 0) -> None:
        super().__init__(signum)
        self.signum = signum


class WorkerLost(SchedulerError):
    """The process that ran the job died. ``how``: "signal SIGKILL", "exit status 1", or what else is known of it."""

    def __init__(self, *words: object, how: str = "") -> None:
        super().__init__(*words)
        self.how = how


def words_of(error: BaseException) -> str:
    """Its class and what it says. To say it may raise as well, where it is an application's."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:
        return f"{type(error).__name__}, which cannot say more of itself"
