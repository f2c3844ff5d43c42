"""Tasks of one of the applications."""

from celery import (
    chain,
    chord,  # for the reports
    group,
    shared_task,
)
from celery.utils.log import get_task_logger
from django.db import transaction
from parcels.base import LoggedTask

logger = get_task_logger(__name__)


@shared_task(base=LoggedTask, bind=True, ignore_result=True, acks_late=True, max_retries=None, ignore_results=True)
def geocode(self, parcel_id):
    try:
        logger.info("%s, attempt %s", parcel_id, self.request.retries)
    except OSError as error:
        raise self.retry(exc=error, countdown=2**self.request.retries) from error


@shared_task(autoretry_for=(IOError,), retry_backoff=True, time_limit=600, soft_time_limit=540)
def import_file(path): ...


@shared_task
def total(counts): ...


@shared_task
def alarm(request, exc, traceback): ...


@shared_task
def close_day():
    header = group(import_file.s(path) for path in ("a", "b"))
    chord(header)(total.s().on_error(alarm.s()))
    chain(total.s([1]), total.si([2])).apply_async(link_error=alarm.s(), expires=60, serializer="pickle")


@shared_task
def poll(): ...


def parcel_saved(parcel):
    transaction.on_commit(lambda: geocode.delay(parcel.id))
    transaction.on_commit(
        lambda: import_file.apply_async(("x",), countdown=5, queue="bulk", priority=3, headers={"a": 1})
    )
