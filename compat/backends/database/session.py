"""Engines and sessions for the tables of results."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import NullPool

__all__ = ("ResultModelBase", "SessionManager", "create_tables")

_POOL_OPTIONS = ("pool", "max_overflow", "echo_pool")


class ResultModelBase(DeclarativeBase):
    """The base of the tables of results; an application's own may join them."""


class SessionManager:
    """Makes an engine when it is needed, and again after a fork or when connections were lost."""

    def __init__(self, engine_callback: Callable[[Any], Any] | None = None) -> None:
        self.engine_callback = engine_callback
        self._lock = threading.Lock()
        self._engines: dict[str, Engine] = {}
        self._prepared: set[Engine] = set()
        self._pid = os.getpid()

    def get_engine(self, dburi: str, short_lived_sessions: bool = False, **options: Any) -> Engine:
        """The engine for that URL: ``options`` are those of the first call."""
        if self._pid != os.getpid():
            self._forked()
        with self._lock:
            if dburi not in self._engines:
                engine = _make_engine(dburi, short_lived_sessions, options)
                if self.engine_callback is not None:
                    self.engine_callback(engine)
                self._engines[dburi] = engine
            return self._engines[dburi]

    def _forked(self) -> None:
        """The parent's connections are the parent's: they are left alone, not closed."""
        for engine in self._engines.values():
            engine.dispose(close=False)
        self._lock = threading.Lock()
        self._engines, self._prepared, self._pid = {}, set(), os.getpid()

    def create_session(
        self, dburi: str, short_lived_sessions: bool = False, **options: Any
    ) -> tuple[Engine, sessionmaker[Session]]:
        """The engine, and what makes sessions on it."""
        engine = self.get_engine(dburi, short_lived_sessions, **options)
        return engine, sessionmaker(bind=engine)

    def session_factory(self, dburi: str, **options: Any) -> Session:
        """A session, with the tables there."""
        engine, make = self.create_session(dburi, **options)
        self.prepare_models(engine)
        return make()

    def prepare_models(self, engine: Engine) -> None:
        """Create the tables that are missing; once per engine."""
        if engine not in self._prepared:
            create_tables(ResultModelBase.metadata, engine)
            self._prepared.add(engine)

    def invalidate(self, dburi: str) -> None:
        """Begin anew with the next connection."""
        with self._lock:
            engine = self._engines.pop(dburi, None)
        if engine is not None:
            self._prepared.discard(engine)
            engine.dispose()


def create_tables(metadata: MetaData, engine: Engine) -> None:
    """Create what is missing; several processes may do so at once."""
    try:
        metadata.create_all(engine)
    except DatabaseError:  # another process was faster: now they are there
        metadata.create_all(engine)


def _make_engine(dburi: str, short_lived: bool, options: dict[str, Any]) -> Engine:
    if not short_lived:
        return create_engine(dburi, **_suited(dburi, options))
    kept = {name: value for name, value in options.items() if not name.startswith(_POOL_OPTIONS)}
    return create_engine(dburi, poolclass=NullPool, **kept)


def _suited(dburi: str, options: dict[str, Any]) -> dict[str, Any]:
    """SQLite in memory has a pool of its own, which some options do not suit."""
    if not dburi.startswith("sqlite"):
        return options
    return {name: value for name, value in options.items() if name not in ("max_overflow", "pool_size")}
