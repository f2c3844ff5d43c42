"""Connections to Redis, in the spellings Kombu has for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from ...core.errors import InvalidSetting
from ..options import is_true, table

TIMEOUT_SECONDS = 2.0
_FLAGS = ("socket_keepalive",)
_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TEXTS = ("client_name", *_TLS)


def connect(url: str, options: Mapping[str, Any]) -> Any:
    """A client for ``redis://``, ``rediss://``, ``redis+socket://``, ``unix://`` or ``sentinel://a;b/0``.

    ``options`` may give ``socket_timeout``, ``socket_connect_timeout``, ``socket_keepalive``, ``client_name``,
    ``health_check_interval``, ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``; for sentinel ``ssl``,
    ``master_name``, ``sentinel_kwargs``; and ``cluster = true`` for a Redis Cluster. Connecting waits two seconds at
    most.
    """
    _check(url, options)
    common = _common(options, is_socket=url.startswith(("redis+socket", "unix")))
    if url.startswith("sentinel"):
        return _through_sentinel(url, options, common)
    url = _for_redis(url)
    if is_true(options.get("cluster")):
        return RedisCluster.from_url(url, **common)
    return redis.Redis.from_url(url, **common)


def _check(url: str, options: Mapping[str, Any]) -> None:
    """Redis-py would say so, too, but at the first command, and to whoever happens to give it."""
    tls = [name for name in _TLS if options.get(name)]
    if tls and not url.startswith("rediss") and not _is_sentinel_with_tls(url, options):
        raise InvalidSetting(
            f"scheduler.broker.{tls[0]} is for rediss://, or for sentinel:// with scheduler.broker.ssl = true; "
            "this broker has no TLS"
        )


def _is_sentinel_with_tls(url: str, options: Mapping[str, Any]) -> bool:
    return url.startswith("sentinel") and is_true(options.get("ssl"))


def _common(options: Mapping[str, Any], *, is_socket: bool) -> dict[str, Any]:
    return {
        "socket_connect_timeout": float(options.get("socket_connect_timeout") or TIMEOUT_SECONDS),
        "socket_timeout": float(options.get("socket_timeout") or TIMEOUT_SECONDS),
        "health_check_interval": int(options.get("health_check_interval") or 25),
        "protocol": 2,  # every server knows it; only waiting asks for more
        # A command that is sent again may push or pop twice; whoever called knows better what to do.
        "retry": Retry(NoBackoff(), 0),
        **{name: is_true(options[name]) for name in _FLAGS if name in options and not is_socket},
        **{name: str(options[name]) for name in _TEXTS if options.get(name)},
    }


def _for_redis(url: str) -> str:
    """Kombu's spelling in redis-py's: ``redis+socket:///path?virtual_host=1``, ``ssl_cert_reqs=CERT_NONE``."""
    url = url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=")
    return re.sub(r"(?<=ssl_cert_reqs=)CERT_(\w+)", lambda match: match[1].lower(), url)


def _through_sentinel(url: str, options: Mapping[str, Any], common: dict[str, Any]) -> redis.Redis:
    first, *others = url.removesuffix("/").split(";")
    parts = urlsplit(first)
    hosts = [(parts.hostname or "localhost", parts.port or 26379)]
    for other in others:
        more = urlsplit(other if "://" in other else f"sentinel://{other}")
        hosts.append((more.hostname or "localhost", more.port or 26379))
        parts = parts if parts.path.strip("/") else parts._replace(path=more.path)
    if _is_sentinel_with_tls(url, options):
        common = {**common, "ssl": True}
    asking = {**common, **table(options, "sentinel_kwargs")}
    sentinel = Sentinel(hosts, sentinel_kwargs=asking, **common)
    master: redis.Redis = sentinel.master_for(
        str(options.get("master_name") or "mymaster"),
        db=int(parts.path.strip("/") or 0),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
    return master
