"""Django in a worker: set up before tasks are imported, its connections closed around each task."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import Any

from .. import signals
from ..utils.log import get_logger
from . import connections

logger = get_logger("celery.fixups.django")


class _Uses(threading.local):
    """How often this thread could have closed its connections since it did."""

    count = 0


class DjangoWorkerFixup:
    """Tasks begin and end without open database connections, as requests do.

    With ``CELERY_DB_REUSE_MAX`` they are kept for so many tasks of a thread.
    """

    worker: Any = None

    def __init__(self, app: Any) -> None:
        self.app = app
        self._uses = _Uses()
        self._found: list[Any] = []  # by Django's checks

    @cached_property
    def db_reuse_max(self) -> int | None:
        return self.app.conf.get("CELERY_DB_REUSE_MAX", None)  # type: ignore[no-any-return]

    def django_setup(self) -> None:
        import django

        django.setup()

    def validate_models(self) -> None:
        """Set Django up and, unless ``--skip-checks`` was said, run its checks, which may import the whole project."""
        self.django_setup()
        if os.environ.get("CELERY_SKIP_CHECKS"):
            return
        from django.core.checks import run_checks

        self._found += [message for message in run_checks() if message.is_serious() and not message.is_silenced()]

    def install(self) -> DjangoWorkerFixup:
        """Connect to the signals of tasks, and begin without connections."""
        signals.beat_embedded_init.connect(self.close_database)
        signals.task_prerun.connect(self.on_task_prerun)
        signals.task_postrun.connect(self.on_task_postrun)
        signals.worker_process_init.connect(self.on_worker_process_init)
        self.close_database()
        self.close_cache()
        return self

    def on_worker_process_init(self, **kwargs: Any) -> None:
        # Each process of a worker has loaded the app by itself: what is open is its own, and nobody else's.
        connections.close_idle()
        self.close_cache()
        while self._found:  # logging is set up by now
            logger.error("Django's system check: %s", self._found.pop(0))

    def on_task_prerun(self, sender: Any, **kwargs: Any) -> None:
        if _runs_eagerly(sender):
            return
        sender.request.surrounding_transactions = connections.in_transaction()
        self.close_database()

    def on_task_postrun(self, sender: Any, **kwargs: Any) -> None:
        if _runs_eagerly(sender):
            return
        before: frozenset[str] = getattr(sender.request, "surrounding_transactions", frozenset())
        for alias in connections.in_transaction() - before:
            # Else the next task would write into a transaction that nobody commits.
            logger.error("%s left a transaction open on database %r, it is rolled back", sender.name, alias)
            connections.drop(alias)
        self.close_database()
        self.close_cache()

    def close_database(self, **kwargs: Any) -> None:
        """Close this thread's connections, or count that they could have been closed."""
        if not self.db_reuse_max:
            connections.close_idle()
            return
        if self._uses.count >= self.db_reuse_max * 2:  # before and after each task
            self._uses.count = 0
            connections.close_idle()
        self._uses.count += 1

    def close_cache(self) -> None:
        from django.core.cache import close_caches

        close_caches()


def _runs_eagerly(task: Any) -> bool:
    """Its connections, and the transaction it may be in, are its caller's."""
    return bool(getattr(task.request, "is_eager", False))
