"""``config.include("pyramid_scheduler")``: configures, starts nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated, NewRequest
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry
from zope.interface import implementedBy

from ..core.errors import InvalidSetting
from ..core.event import Event, EventType
from ..core.listeners import Listener
from ..core.settings import Settings, parse_settings
from ..scheduler import Scheduler
from . import directives
from .context import RequestContext
from .serving import start_when_served
from .starter import Starter


def include(config: Configurator) -> None:
    """Put a ``Scheduler`` on the registry, add the directives, and arrange for combined mode to start."""
    settings = _settings(config)
    scheduler = Scheduler(settings, context=RequestContext(config.registry))
    config.registry.scheduler = scheduler
    scheduler.listeners.add(Listener(config.registry.notify, EventType.ALL, listens=_subscribers(config.registry)))
    for name in ("add_scheduler_task", "add_interval_job", "add_cron_job"):
        config.add_directive(name, getattr(directives, name))
    if settings.combined:
        start = Starter(scheduler)
        config.add_subscriber(_start_if_served(start), ApplicationCreated)
        config.add_subscriber(_start_at_request(start), NewRequest)


def _subscribers(registry: Registry) -> Callable[[], bool]:
    event = implementedBy(Event)
    return lambda: bool(registry.adapters.subscriptions([event], None))


def _settings(config: Configurator) -> Settings:
    try:
        settings = parse_settings(config.registry.settings)
    except InvalidSetting as error:
        raise ConfigurationError(str(error)) from error
    return replace(
        settings,
        allow=settings.allow or _root_package(config),
        delegator=config.maybe_dotted(settings.delegator),
        housekeeping_append=config.maybe_dotted(settings.housekeeping_append),
    )


def _root_package(config: Configurator) -> tuple[str, ...]:
    name = config.root_package.__name__
    return () if name == "__main__" or name.startswith("pyramid.") else (name.partition(".")[0],)


def _start_if_served(start: Starter) -> Callable[[ApplicationCreated], None]:
    return lambda event: start_when_served(start)


def _start_at_request(start: Starter) -> Callable[[NewRequest], None]:
    """The first request after a fork, or under a server we do not know by name."""

    def subscriber(event: NewRequest) -> None:
        environ: dict[str, Any] = event.request.environ
        if "paste.testing" not in environ and "wsgi.url_scheme" in environ and "REMOTE_ADDR" in environ:
            start()

    return subscriber
