"""Connections to Redis, in the spellings Kombu has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.sentinel import Sentinel

TIMEOUT_SECONDS = 2.0


def connect(url: str, options: Mapping[str, Any]) -> redis.Redis:
    """A client for ``redis://``, ``rediss://``, ``redis+socket://``, ``unix://`` or ``sentinel://a;b/0``.

    ``options`` may give ``socket_timeout``, ``socket_connect_timeout`` and, for sentinel, ``master_name`` and
    ``sentinel_kwargs``. Connecting waits two seconds at most.
    """
    common: dict[str, Any] = {
        "socket_connect_timeout": float(options.get("socket_connect_timeout", TIMEOUT_SECONDS)),
        "socket_timeout": float(options.get("socket_timeout", TIMEOUT_SECONDS)),
        "health_check_interval": 25,
    }
    if url.startswith("sentinel"):
        return _through_sentinel(url, options, common)
    if url.startswith("redis+socket://"):
        url = _unix_url(url)
    return redis.Redis.from_url(url, **common)


def _unix_url(url: str) -> str:
    """Kombu spells ``redis+socket:///path?virtual_host=1``; redis-py ``unix:///path?db=1``."""
    return url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=")


def _through_sentinel(url: str, options: Mapping[str, Any], common: dict[str, Any]) -> redis.Redis:
    first, *others = url.removesuffix("/").split(";")
    parts = urlsplit(first)
    hosts = [(parts.hostname or "localhost", parts.port or 26379)]
    for other in others:
        more = urlsplit(other if "://" in other else f"sentinel://{other}")
        hosts.append((more.hostname or "localhost", more.port or 26379))
        parts = parts if parts.path.strip("/") else parts._replace(path=more.path)
    sentinel = Sentinel(hosts, sentinel_kwargs=dict(options.get("sentinel_kwargs") or {}), **common)
    master: redis.Redis = sentinel.master_for(
        str(options.get("master_name") or "mymaster"),
        db=int(parts.path.strip("/") or 0),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
    return master
