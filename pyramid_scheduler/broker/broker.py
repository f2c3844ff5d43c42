"""The broker for these settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.clock import Clock
from ..core.errors import BrokerUnavailable
from ..core.interfaces import Broker
from ..core.settings import Settings
from ..core.url import display
from .url import is_amqp, is_redis, is_sql, normalize

_MODULES = {"sql": "transports.sql", "redis": "transports.redis", "amqp": "amqp_broker", "kombu": "kombu_broker"}


def open_broker(settings: Settings, clock: Clock) -> Broker:
    """The broker of ``scheduler.broker.url``. Nothing connects before it is used; imports only what it needs."""
    url = normalize(settings.broker_url)
    options = dict(settings.broker_options)
    kind = _kind_of(url)
    if kind == "sql":
        from .store_broker import StoreBroker
        from .transports.sql import open_sql_store

        return StoreBroker(url, open_sql_store(url, options=options))
    if kind == "redis":
        return _open_redis(url, options)
    if kind == "amqp":
        from .amqp_broker import AmqpBroker

        return AmqpBroker(url, {"queue_type": settings.queue_type, **options})
    from .kombu_broker import KombuBroker

    return KombuBroker(url, options)


def _open_redis(url: str, options: Mapping[str, Any]) -> Broker:
    from .store_broker import StoreBroker

    try:
        from .transports.redis import open_redis_store
    except ModuleNotFoundError as error:
        raise BrokerUnavailable(f"{display(url)}: {error}; install pyramid-scheduler[redis]") from error
    return StoreBroker(url, open_redis_store(url, options=options))


def module_for(url: str) -> str:
    """The module that ``open_broker`` will import for a broker at ``url``."""
    return f"{__package__}.{_MODULES[_kind_of(normalize(url))]}"


def _kind_of(url: str) -> str:
    if is_sql(url):
        return "sql"
    if is_redis(url) or url.startswith("sentinel"):
        return "redis"
    return "amqp" if is_amqp(url) else "kombu"
