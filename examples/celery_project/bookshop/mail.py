"""Letters to customers."""

from datetime import UTC, datetime

from celery import shared_task
from celery.exceptions import MaxRetriesExceededError
from celery.utils.log import get_task_logger

from . import journal

logger = get_task_logger(__name__)


@shared_task(bind=True, default_retry_delay=0.1, max_retries=2)
def confirm(self, number, away=0):
    """``away``: how often the mail server does not answer."""
    if self.request.retries < away:
        try:
            raise self.retry(exc=ConnectionError("the mail server is away"))
        except MaxRetriesExceededError:
            logger.error("no letter for %s", number)
            raise
    return f"confirmed {number} at attempt {self.request.retries + 1}"


@shared_task(ignore_result=True)
def apologise(request, exc, traceback):
    """An errback: what has failed, and why."""
    journal.write("apology", task=request.task, error=type(exc).__name__)


@shared_task
def remind(number, due):
    """Returns how many seconds after ``due`` it ran."""
    return (datetime.now(UTC) - datetime.fromisoformat(due)).total_seconds()
