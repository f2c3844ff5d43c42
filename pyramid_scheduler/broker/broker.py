"""The broker for these settings."""

from __future__ import annotations

from ..core.clock import Clock
from ..core.interfaces import Broker
from ..core.settings import Settings
from .url import is_amqp, is_redis, is_sql, normalize


def open_broker(settings: Settings, clock: Clock) -> Broker:
    """The broker of ``scheduler.broker.url``. Nothing connects before it is used; imports only what it needs."""
    url = normalize(settings.broker_url)
    options = dict(settings.broker_options)
    if is_sql(url):
        from .store_broker import StoreBroker
        from .transports.sql import open_sql_store

        return StoreBroker(url, open_sql_store(url, options=options))
    if is_redis(url) or url.startswith("sentinel"):
        from .store_broker import StoreBroker
        from .transports.redis import open_redis_store

        return StoreBroker(url, open_redis_store(url, options=options))
    if is_amqp(url):
        from .amqp_broker import AmqpBroker

        return AmqpBroker(url, options)
    from .kombu_broker import KombuBroker

    return KombuBroker(url, options)
