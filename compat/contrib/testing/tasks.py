"""The task that tests whether a worker runs."""

from ... import shared_task


@shared_task(name="celery.ping")
def ping() -> str:
    """Returns 'pong'."""
    return "pong"
