"""Signal handlers."""

from celery import Celery
from celery.signals import before_task_publish, task_failure, task_postrun, worker_ready

from . import journal


@before_task_publish.connect
def sign(headers=None, **kwargs):
    """Every message says which till it comes from; tasks see it in ``self.request.headers``."""
    headers.setdefault("till", "7")


@worker_ready.connect
def open_shop(sender=None, **kwargs):
    journal.write("open", library=Celery.__module__.partition(".")[0])


@task_postrun.connect
def note(sender=None, task_id=None, state=None, **kwargs):
    if sender.name == "bookshop.orders.ship":
        journal.write("postrun", task=sender.name, state=state)


@task_failure.connect
def ring(sender=None, exception=None, **kwargs):
    journal.write("alarm", task=sender.name, error=type(exception).__name__)
