"""Where results are kept. Each kind lives in a module of its own, imported when a URL asks for it."""

from __future__ import annotations

import types
from typing import Any

from .._state import current_app
from ..exceptions import ImproperlyConfigured
from ..installing import refuse_the_real_one
from ..utils.imports import load_extension_class_names, symbol_by_name

__all__ = ("by_name", "by_url")

BACKEND_ALIASES = {
    "rpc": "compat.backends.rpc:RPCBackend",
    "cache": "compat.backends.cache:CacheBackend",
    "redis": "compat.backends.redis:RedisBackend",
    "rediss": "compat.backends.redis:RedisBackend",
    "sentinel": "compat.backends.redis:SentinelBackend",
    "db": "compat.backends.database:DatabaseBackend",
    "database": "compat.backends.database:DatabaseBackend",
    "file": "compat.backends.filesystem:FilesystemBackend",
    "disabled": "compat.backends.base:DisabledBackend",
}
_NOT_SUPPORTED = frozenset(
    [
        "mongodb",
        "elasticsearch",
        "cassandra",
        "couchbase",
        "couchdb",
        "cosmosdbsql",
        "riak",
        "consul",
        "dynamodb",
        "azureblockblob",
        "arangodb",
        "s3",
        "gs",
    ]
)


def by_name(backend: Any = None, loader: Any = None, extension_namespace: str = "celery.result_backends") -> Any:
    """The class of a backend by its alias or path; raises ImproperlyConfigured where there is none."""
    name = backend or "disabled"
    loader = loader or current_app.loader
    aliases = {**BACKEND_ALIASES, **loader.override_backends, **dict(load_extension_class_names(extension_namespace))}
    if name in _NOT_SUPPORTED and name not in aliases:
        raise ImproperlyConfigured(f"results cannot be kept in {name}: use redis://, db+…, rpc:// or file://")
    try:
        cls = symbol_by_name(name, aliases)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"Unknown result backend: {name!r}. Did you spell that correctly? ({error!r})"
        ) from error
    if isinstance(cls, types.ModuleType):
        raise ImproperlyConfigured(f"Unknown result backend: {name!r} is a Python module, not a backend class.")
    refuse_the_real_one(cls)
    return cls


def by_url(backend: Any = None, loader: Any = None) -> tuple[Any, str | None]:
    """(class, URL) of a backend: ``db+sqlite:///x`` is the class of ``db`` and ``sqlite:///x``."""
    if not (isinstance(backend, str) and "://" in backend):
        return by_name(backend, loader), None
    scheme = backend.partition("://")[0]
    if "+" not in scheme:
        return by_name(scheme, loader), backend
    name, url = backend.split("+", 1)
    return by_name(name, loader), url
