"""Django's fixup: an app in a Django project finds its applications, and its workers set Django up."""

from __future__ import annotations

import os
import sys
import uuid
import warnings
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from .. import _state, signals
from ..exceptions import FixupWarning
from ..local import Proxy
from ..utils.log import get_logger
from .django_worker import DjangoWorkerFixup

__all__ = ("DjangoFixup", "DjangoWorkerFixup", "fixup")

logger = get_logger("celery.fixups.django")


def fixup(app: Any, env: str = "DJANGO_SETTINGS_MODULE") -> DjangoFixup | None:
    """Install the fixup where the environment variable names Django's settings; else, or without Django, none."""
    if not os.environ.get(env) or "django" in str(app.loader_cls).lower():
        return None
    try:
        import django  # noqa: F401
    except ImportError:
        text = f"{env} is set, and Django is not installed: the app goes without its fixup. Install Django, or unset it"
        warnings.warn(FixupWarning(text), stacklevel=2)
        return None
    return DjangoFixup(app).install()


class DjangoFixup:
    """Of one app, which must hold on to it: signals do not."""

    def __init__(self, app: Any) -> None:
        self.app = app
        # Without it several fixups of one process would share a receiver.
        self._worker_init_uid = (f"{__name__}.on_worker_init", uuid.uuid4().hex)
        if _state.default_app is None:
            app.set_default()  # requests run in threads that have made no app of their own

    def install(self) -> DjangoFixup:
        """Connect to the app and its signals."""
        sys.path.insert(0, os.getcwd())  # the project's directory, as manage.py has it
        self.app.loader.now = self.now
        if not self.app._custom_task_cls_used:
            self.app.task_cls = "compat.contrib.django.task:DjangoTask"
        signals.import_modules.connect(self.on_import_modules, sender=self.app)
        signals.worker_init.connect(self.on_worker_init, dispatch_uid=self._worker_init_uid)
        return self

    @cached_property
    def worker_fixup(self) -> DjangoWorkerFixup:
        return DjangoWorkerFixup(self.app)

    def on_import_modules(self, **kwargs: Any) -> None:
        """Before task modules are imported, which may import models."""
        self.worker_fixup.validate_models()

    def on_worker_init(self, sender: Any = None, **kwargs: Any) -> None:
        """Look after the worker's connections, if it is a worker of this app."""
        if sender is None:
            text = "DjangoFixup.on_worker_init called without a sender: send worker_init with the worker as its sender"
            warnings.warn(FixupWarning(text), stacklevel=2)
        elif not self._owns(sender):
            logger.debug("%r is a worker of another app than %r, whose own fixup looks after it", sender, self.app)
            return
        else:
            self.worker_fixup.worker = sender
        self.worker_fixup.install()

    def _owns(self, worker: Any) -> bool:
        app = _unwrapped(getattr(worker, "app", None))
        return app is None or app is _unwrapped(self.app)

    def now(self, utc: bool = False) -> datetime:
        """UTC, or the time that Django's settings USE_TZ and TIME_ZONE say."""
        from django.utils import timezone

        moment: datetime = datetime.now(UTC) if utc else timezone.now()
        return moment

    def autodiscover_tasks(self) -> list[str]:
        """The packages of INSTALLED_APPS, also of those that are named by their AppConfig."""
        from django.apps import apps

        return [config.name for config in apps.get_app_configs()]


def _unwrapped(app: Any) -> Any:
    return app._get_current_object() if isinstance(app, Proxy) else app
