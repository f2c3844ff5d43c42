"""The class of all tasks of the shop."""

from celery import Task

from . import journal


class ShopTask(Task):
    """Writes failures and retries into the journal."""

    abstract = True

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        journal.write("failure", task=self.name, error=repr(exc), traceback="Traceback" in str(einfo))
        super().on_failure(exc, task_id, args, kwargs, einfo)

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        journal.write("retry", task=self.name, error=repr(exc))
