"""Pyramid: ``config.include("compat")``, and the ini sections that pyramid_celery reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import plaster

from pyramid_scheduler.api import InvalidSetting

from .app.base import Celery
from .app.conf import _old_key_to_new
from .app.defaults import _OPTIONS
from .app.utils import find_app
from .exceptions import ImproperlyConfigured
from .schedules import crontab
from .utils.log import get_logger

logger = get_logger("celery.pyramid")
SECTION = "celery"
#: Settings whose ini value is a list of words.
WORDS = ("imports", "include", "accept_content", "result_accept_content")

#: The app of this process; what ``-A compat.pyramid.celery_app`` names.
celery_app = Celery("compat.pyramid", set_as_current=False)


def includeme(config: Any) -> None:
    """Let the app's tasks go through the registry's scheduler: one pipeline, one worker.

    Adds ``config.configure_celery(ini)`` and ``request.celery``. Starts nothing.
    """
    if getattr(config.registry, "scheduler", None) is None:
        config.include("pyramid_scheduler")
    config.registry["celery.app"] = celery_app
    config.add_directive("configure_celery", configure_celery)
    config.add_request_method(lambda request: request.registry["celery.app"], "celery", reify=True)
    config.action(("compat", "share"), share, (config.registry,), order=9999)


def share(registry: Any) -> None:
    """Make the registry's scheduler the app's: it runs the app's tasks, and keeps the times of its beat schedule."""
    from .periodic import declare_beat_schedule
    from .worker.handling import Handler
    from .worker.workloop import end_workloop

    app, scheduler = registry["celery.app"], registry.scheduler
    app.pipeline.share(scheduler)
    app.conf["PYRAMID_REGISTRY"] = registry
    app.set_default()
    handler = Handler(app, "celery@pyramid")
    known = scheduler.tasks.fallback
    scheduler.tasks.fallback = lambda name: _task(app, handler, known, name)
    scheduler.at_exit(end_workloop)
    app.loader.import_default_modules()
    if any(app.steps.values()):
        raise ImproperlyConfigured(
            "app.steps: pscheduler runs an application's jobs without Celery's worker, and none of its bootsteps: say"
            " registry.scheduler.at_start(…), at_stop(…) and at_exit(…) instead"
        )
    if app.conf.beat_schedule or app.conf.result_backend:
        declare_beat_schedule(app, scheduler)


def _task(app: Any, handler: Any, known: Any, name: str) -> Any:
    if name in app.tasks:
        return handler.task(name)
    return known(name) if known is not None else None


def operate(global_config: Any, celery: str, **settings: Any) -> Any:
    """An application for ``pscheduler jobs``, ``failed``, ``db upgrade``: the Celery app's, where there is no Pyramid.

    ``use = call:compat.pyramid:operate`` in an ini file, and ``celery = module`` as it would follow ``-A``.
    """
    from pyramid.config import Configurator

    app = find_app(celery)
    if not isinstance(app, Celery):
        raise InvalidSetting(f"celery = {celery} is {app!r}, no app of compat: pscheduler migrate --write its imports")
    config = Configurator(settings=settings)
    config.registry.scheduler = scheduler = app.pipeline.scheduler
    scheduler.tasks.fallback = lambda name: _task(app, _handler_of(app), None, name)
    return config.make_wsgi_app()


@cache
def _handler_of(app: Any) -> Any:
    """The app's modules are imported when its first task is asked for, so that a broken one hides no jobs."""
    from .worker.handling import Handler

    app.loader.import_default_modules()
    return Handler(app, "celery@operate")


def configure_celery(config: Any, ini: str, **overrides: str) -> None:
    """Read ``[celery]`` and what belongs to it from the ini file, as pyramid_celery does, and check it."""
    configure(config.registry["celery.app"], ini, overrides)


def configure(app: Any, uri: str, overrides: Mapping[str, str] | None = None) -> None:
    """Configure ``app`` from an ini file: ``[celery]``, ``[celery:…]``, ``[celerybeat:…]``, ``[celeryroute:…]``.

    Values have the type of their setting. Raises ImproperlyConfigured for one that has not.
    """
    loader = plaster.get_loader(uri)
    settings = _typed(loader.get_settings(SECTION, dict(overrides or {})))
    if settings.pop("use_celeryconfig", False):
        app.config_from_object("celeryconfig")
        return
    for section in loader.get_sections():
        kind, _, name = section.partition(":")
        given = dict(loader.get_settings(section, dict(overrides or {}))) if name else {}
        if kind == SECTION and name:
            settings[name] = {key: _guess(value) for key, value in given.items()}
        elif kind == "celerybeat" and name:
            settings.setdefault("beat_schedule", {})[name] = _entry(section, given)
        elif kind == "celeryroute" and name:
            settings.setdefault("task_routes", {})[name] = given
    app.config_from_object(settings)


def _typed(given: Mapping[str, str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, text in given.items():
        name = _old_key_to_new(key)
        try:
            settings[key] = _value(name, text)
        except (ValueError, TypeError) as error:
            raise ImproperlyConfigured(f"[{SECTION}] {key} = {text!r}: {error}") from error
    return settings


def _value(name: str, text: str) -> Any:
    if name in WORDS:
        return text.split()
    if name == "use_celeryconfig":
        return text.strip().lower() in ("true", "yes", "on", "1")
    option = _OPTIONS.get(name)
    if option is None:
        return text
    if option.type == "bool" and text.strip().lower() in ("false", "no", "off", "0"):
        logger.info("[%s] %s is off; pyramid_celery took this text for true", SECTION, name)
    if option.type in ("dict", "list", "tuple", "any"):
        return _guess(text)
    return option.to_python(text)


def _guess(text: str) -> Any:
    """JSON where it is JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _entry(section: str, given: Mapping[str, str]) -> dict[str, Any]:
    try:
        kind, said = given.get("type", "integer"), json.loads(given["schedule"])
        entry = {
            "task": given["task"],
            "schedule": _schedule(kind, said),
            **{name: json.loads(given[name]) for name in ("args", "kwargs", "options") if name in given},
        }
    except (KeyError, ValueError, TypeError) as error:
        raise ImproperlyConfigured(
            f"[{section}] cannot be read ({error}): it needs task, type (crontab, timedelta or integer) and schedule"
        ) from error
    return entry


def _schedule(kind: str, said: Any) -> Any:
    if kind == "crontab":
        return crontab(**said)
    if kind == "timedelta":
        return timedelta(**said)
    if kind == "integer":
        return float(said)
    raise ValueError(f"the type {kind!r} is unknown")
