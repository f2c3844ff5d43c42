"""Results in this process's memory, for tests and trials: ``cache+memory://``."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from kombu.utils.encoding import ensure_bytes

from ..exceptions import ImproperlyConfigured
from .keyvalue import KeyValueStoreBackend

__all__ = ("CacheBackend",)
_LIMIT = 5000


class Memory:
    """Keys and values that all threads and apps of the process share; the oldest go first."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._changed = threading.Condition()

    def get(self, key: Any) -> Any:
        with self._changed:
            return self._values.get(key)

    def get_multi(self, keys: Iterable[Any]) -> dict[Any, Any]:
        with self._changed:
            return {key: self._values[key] for key in keys if key in self._values}

    def set(self, key: Any, value: Any) -> None:
        with self._changed:
            self._put(key, value)
            self._changed.notify_all()

    def delete(self, key: Any) -> None:
        with self._changed:
            self._values.pop(key, None)

    def incr(self, key: Any, delta: int = 1) -> int:
        with self._changed:
            total = int(self._values.get(key) or 0) + delta
            self._put(key, total)
            return total

    def count(self, key: Any, member: Any) -> int:
        """Add ``member`` to the set at ``key``; returns its size, 0 if it was in already."""
        with self._changed:
            members = self._values.get(key)
            if not isinstance(members, set):
                members = set()
            if member in members:
                return 0
            members.add(member)
            self._put(key, members)
            return len(members)

    def _put(self, key: Any, value: Any) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)


_memory = Memory()


class CacheBackend(KeyValueStoreBackend):
    """``cache+memory://``. Memcached forgets when it likes and cannot tell: results do not belong there."""

    servers: Any = None
    supports_autoexpire = True
    supports_native_join = True
    implements_incr = True

    def __init__(
        self,
        app: Any,
        expires: Any = None,
        backend: Any = None,
        options: Any = None,
        url: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(app, **kwargs)
        self.url = url
        self.options = {**(app.conf.cache_backend_options or {}), **(options or {})}
        self.backend, _, servers = (url or backend or app.conf.cache_backend or "").partition("://")  # type: ignore[var-annotated]
        self.servers = servers.rstrip("/").split(";")
        self.expires = self.prepare_expires(expires, type=int)
        if self.backend != "memory":
            raise ImproperlyConfigured(
                f"The cache backend {self.backend!r} is not supported: use cache+memory:// in tests, and redis:// or "
                "db+… to keep results."
            )

    @cached_property
    def client(self) -> Memory:
        return _memory

    key_t = staticmethod(ensure_bytes)

    def get(self, key: Any) -> Any:
        return self.client.get(key)

    def mget(self, keys: Any) -> Any:
        return self.client.get_multi(keys)

    def set(self, key: Any, value: Any) -> None:
        self.client.set(key, value)

    def delete(self, key: Any) -> None:
        self.client.delete(key)

    def incr(self, key: Any) -> int:
        return self.client.incr(key)

    def apply_chord(self, header_result_args: Any, body: Any, **kwargs: Any) -> None:
        self.delete(self.get_key_for_chord(header_result_args[0]))
        super().apply_chord(header_result_args, body, **kwargs)

    def _count_part(self, key: Any, request: Any) -> int:
        return self.client.count(key, (request.id, request.group_index))

    def __reduce__(self, args: Any = (), kwargs: Any = None) -> Any:
        more = {"backend": self.as_uri(), "expires": self.expires, "options": self.options}
        return super().__reduce__(args, {**(kwargs or {}), **more})

    def as_uri(self, *args: Any, **kwargs: Any) -> str:
        return f"{self.backend}://{';'.join(self.servers)}/"
