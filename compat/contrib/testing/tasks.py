"""The task that tests whether a worker runs."""

from ... import shared_task


@shared_task(name="celery.ping")  # type: ignore[untyped-decorator]
def ping() -> str:
    """Returns 'pong'."""
    return "pong"
