"""The class of all tasks."""

import logging

from celery import Task
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

logger = logging.getLogger(__name__)


class LoggedTask(Task):
    abstract = True
    autoretry_for = (ConnectionError,)
    dont_autoretry_for = (SoftTimeLimitExceeded,)
    reject_on_worker_lost = True

    def __call__(self, *args, **kwargs):
        if self.request.called_directly:
            return self.run(*args, **kwargs)
        if self.request.retries > 5:
            raise Reject("enough", requeue=False)
        return super().__call__(*args, **kwargs)

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        logger.error("%s failed: %s", task_id, einfo)

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        if isinstance(retval, Ignore):
            logger.info("ignored")
