"""How to reach Redis: what ``redis_*`` settings and the URL say."""

from __future__ import annotations

import logging
from ssl import CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED
from typing import Any
from urllib.parse import unquote

import redis
from kombu.utils.url import _parse_url

from ..exceptions import ImproperlyConfigured
from ..utils.imports import symbol_by_name

logger = logging.getLogger("celery.backends.redis")
Parameters = dict[str, Any]

_CERTIFICATES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
_REQUIREMENTS = {
    "CERT_REQUIRED": CERT_REQUIRED,
    "CERT_OPTIONAL": CERT_OPTIONAL,
    "CERT_NONE": CERT_NONE,
    "required": CERT_REQUIRED,
    "optional": CERT_OPTIONAL,
    "none": CERT_NONE,
}


def parameters(conf: Any, url: str | None, max_connections: int | None) -> Parameters:
    """What redis-py's connections are made with; raises ValueError for TLS that contradicts itself."""
    found = _configured(conf, max_connections)
    if url:
        found = from_url(url, found)
    return _with_checked_tls(_with_provider(found))


def _configured(conf: Any, max_connections: int | None) -> Parameters:
    get = conf.get
    found: Parameters = {
        "host": get("redis_host") or "localhost",
        "port": get("redis_port") or 6379,
        "db": get("redis_db") or 0,
        "password": get("redis_password"),
        "max_connections": max_connections or get("redis_max_connections"),
        "socket_timeout": _seconds(get("redis_socket_timeout")),
        "socket_connect_timeout": _seconds(get("redis_socket_connect_timeout")),
        "retry_on_timeout": get("redis_retry_on_timeout") or False,
        "client_name": get("redis_client_name"),
    }
    optional = {
        "username": get("redis_username"),
        "credential_provider": get("redis_backend_credential_provider"),
        "health_check_interval": get("redis_backend_health_check_interval"),
        "socket_keepalive": get("redis_socket_keepalive"),
    }
    found.update({name: value for name, value in optional.items() if value})
    if get("redis_backend_use_ssl"):
        found.update(get("redis_backend_use_ssl"), connection_class=redis.SSLConnection)
    return found


def _seconds(value: Any) -> float | None:
    return float(value) if value else None


def from_url(url: str, defaults: Parameters) -> Parameters:
    """``defaults`` with what the URL says, query included."""
    scheme, host, port, username, password, path, query = _parse_url(url)
    said = {"host": host, "port": port, "username": username, "password": password}
    found = {**defaults, **{name: value for name, value in said.items() if value is not None}}
    found["db"] = query.pop("virtual_host", None) if scheme == "socket" else path  # type: ignore[attr-defined]
    if scheme == "socket":
        found.update(connection_class=redis.UnixDomainSocketConnection, path=f"/{path}")
        for name in ("host", "port", "socket_connect_timeout"):
            found.pop(name, None)
    elif scheme == "rediss":
        found["connection_class"] = redis.SSLConnection
        found.update({name: unquote(query.pop(name)) for name in _CERTIFICATES if query.get(name)})  # type: ignore[attr-defined]
    elif scheme == "redis" and any(name in query for name in _CERTIFICATES):
        raise ValueError("TLS parameters are given for redis://, which has no TLS: the scheme must be rediss://")
    database = found.get("db") or 0
    found["db"] = int(database.strip("/") or 0 if isinstance(database, str) else database)
    parsers = redis.connection.URL_QUERY_ARGUMENT_PARSERS
    found.update({name: parsers[name](value) if name in parsers else value for name, value in query.items()})  # type: ignore[operator]
    return found


def _with_provider(found: Parameters) -> Parameters:
    provider = found.get("credential_provider")
    if not provider:
        return found
    if isinstance(provider, str):
        provider = symbol_by_name(provider)()
    if not isinstance(provider, redis.CredentialProvider):
        raise ValueError(f"{provider!r} is no redis.CredentialProvider")
    rest = {name: value for name, value in found.items() if name not in ("username", "password")}
    return {**rest, "credential_provider": provider}


def _with_checked_tls(found: Parameters) -> Parameters:
    if not issubclass(found.get("connection_class", redis.Connection), redis.SSLConnection):
        return found
    given = found.get("ssl_cert_reqs")
    required = _REQUIREMENTS.get(given, given) if isinstance(given, str) else given
    if required not in _REQUIREMENTS.values():
        raise ValueError(
            "rediss:// needs ssl_cert_reqs=required, optional or none (CERT_REQUIRED, …), in URL or settings"
        )
    if required != CERT_REQUIRED:
        logger.warning("ssl_cert_reqs=%s: Redis's certificate may go unchecked, and somebody may sit between", given)
    return {**found, "ssl_cert_reqs": required}


def sentinel_parameters(conf: Any, url: str, max_connections: int | None) -> Parameters:
    """As ``parameters``, for several URLs separated by semicolons; ``hosts`` are the sentinels."""
    defaults = _configured(conf, max_connections)
    hosts = [from_url(part, defaults) for part in url.split(";")]
    if not hosts:
        raise ImproperlyConfigured("sentinel:// names no host")
    found = {name: value for name, value in defaults.items() if name not in ("host", "port", "db", "password")}
    found.update({name: hosts[0][name] for name in ("db", "password", "username") if name in hosts[0]})
    return {**_with_checked_tls(_with_provider(found)), "hosts": hosts}
