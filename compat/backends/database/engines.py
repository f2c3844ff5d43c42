"""The connection pool, one per process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

_POOL_OPTIONS = ("pool", "max_overflow", "echo_pool")


class Engines:
    """Makes the engine when it is needed, and again after a fork or when connections were lost."""

    def __init__(
        self, url: str, options: dict[str, Any], short_lived: bool, callback: Callable[[Any], Any] | None
    ) -> None:
        self.url = url
        self.options = options
        self._short_lived = short_lived
        self._callback = callback
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._pid = 0

    def get(self) -> Engine:
        if self._pid != os.getpid():
            self._forked()
        with self._lock:
            if self._engine is None:
                self._engine = self._make()
                if self._callback is not None:
                    self._callback(self._engine)
            return self._engine

    def _forked(self) -> None:
        """The parent's connections are the parent's: they are left alone, not closed."""
        if self._engine is not None:
            self._engine.dispose(close=False)
        self._lock = threading.Lock()
        self._engine, self._pid = None, os.getpid()

    def _make(self) -> Engine:
        if not self._short_lived:
            return create_engine(self.url, **self._suited())
        options = {name: value for name, value in self.options.items() if not name.startswith(_POOL_OPTIONS)}
        return create_engine(self.url, poolclass=NullPool, **options)

    def _suited(self) -> dict[str, Any]:
        """SQLite in memory has a pool of its own, which some options do not suit."""
        if not self.url.startswith("sqlite"):
            return self.options
        return {name: value for name, value in self.options.items() if name not in ("max_overflow", "pool_size")}

    def dispose(self) -> None:
        """Begin anew with the next connection."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()
