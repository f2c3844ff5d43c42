"""Results in a SQL database, in Celery's tables: ``db+postgresql://…``, ``db+sqlite:///results.db``."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from kombu.utils.encoding import ensure_bytes
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ... import states
from ...app.defaults import DEFAULTS
from ...exceptions import ImproperlyConfigured
from ...result import result_from_tuple
from ...utils.imports import symbol_by_name
from ...utils.log import get_logger
from ...utils.time import maybe_timedelta
from ..base import BaseBackend
from .models import Task, TaskExtended, TaskSet
from .repeating import RETRYABLE, retry
from .session import SessionManager
from .tables import Tables

__all__ = ("DatabaseBackend", "SessionManager", "Task", "TaskExtended", "TaskSet", "retry", "session_cleanup")
logger = get_logger("celery.backends.database")

_ENCODED = ("args", "kwargs", "children")
_PICKLE = b"\x80"


@contextmanager
def session_cleanup(session: Session) -> Iterator[Session]:
    """Close the session in the end; roll back what failed."""
    try:
        yield session
    except Exception:
        session.rollback()
        raise
    finally:
        session.close()


class DatabaseBackend(BaseBackend):
    """One row per task; a success, once written, stays."""

    url: str
    task_cls: type[Task] = Task
    taskset_cls: type[TaskSet] = TaskSet
    subpolling_interval = 0.5
    supports_native_join = False

    def __init__(
        self, dburi: str | None = None, engine_options: Any = None, url: str | None = None, **kwargs: Any
    ) -> None:
        short_lived = kwargs.pop("short_lived_sessions", None)
        callback = kwargs.pop("engine_callback", None)
        super().__init__(expires_type=maybe_timedelta, url=url, **kwargs)
        self.thread_safe = True
        conf = self.app.conf
        self._keep_trying(conf)
        self.url = url or dburi or conf.database_url
        if not self.url:
            raise ImproperlyConfigured("Missing connection string! Set database_url, or result_backend='db+…'.")
        # Who sets one option keeps those that replace connections the server has closed.
        usual = DEFAULTS["database_engine_options"]
        self.engine_options = {**usual, **(conf.database_engine_options or {}), **(engine_options or {})}
        self.short_lived_sessions = conf.database_short_lived_sessions if short_lived is None else short_lived
        self.session_manager = SessionManager(_callback(callback or conf.database_engine_callback))
        self._tables = self._configured(conf)
        self._prepared = False
        if conf.database_create_tables_at_setup is True:
            self._ensure_retryable(self._engine)

    def _configured(self, conf: Any) -> Tables:
        if conf.result_extended and self.task_cls is Task:
            self.task_cls = TaskExtended
        names, schemas = conf.database_table_names or {}, conf.database_table_schemas or {}
        self.task_cls.configure(schemas.get("task"), names.get("task"))
        self.taskset_cls.configure(schemas.get("group"), names.get("group"))
        return Tables(self.task_cls, self.taskset_cls)

    def _keep_trying(self, conf: Any) -> None:
        """Databases restart: three tries, unless the settings say otherwise."""
        if not conf.value_set_for("result_backend_always_retry") or self.always_retry is None:
            self.always_retry = True
        if not conf.value_set_for("result_backend_max_retries") or self.max_retries is None:
            self.max_retries = 3

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        return isinstance(exc, RETRYABLE)

    def on_backend_retryable_error(self, exc: BaseException) -> None:
        if not isinstance(exc, IntegrityError):
            self.session_manager.invalidate(self.url)

    def _engine(self) -> Any:
        engine = self.session_manager.get_engine(self.url, self.short_lived_sessions, **self.engine_options)
        if not self._prepared:
            self._tables.create(engine)
            self._prepared = True
        return engine

    def ResultSession(self, session_manager: SessionManager | None = None) -> Session:
        """A session, with the tables there; for an application's own queries, too."""
        if session_manager is None:
            return Session(self._engine())
        return session_manager.session_factory(
            self.url, short_lived_sessions=self.short_lived_sessions, **self.engine_options
        )

    def _session(self) -> AbstractContextManager[Session]:
        return session_cleanup(self.ResultSession())

    # Tasks

    def _store_result(
        self, task_id: Any, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> None:
        tasks = self._tables.tasks
        encoded = ensure_bytes(self.encode(result))
        meta = self._get_result_meta(encoded, state, traceback, request, format_date=False, encode=True)
        values = self._row(meta)
        with self._session() as session:
            # The condition is part of the statement: no run that succeeds meanwhile is written over.
            this = tasks.c.task_id == task_id
            changed = session.execute(
                tasks.update().where(this, tasks.c.status.is_distinct_from(states.SUCCESS)).values(**values)
            )
            if not changed.rowcount and not self._exists(session, task_id):  # type: ignore[attr-defined]
                session.execute(tasks.insert().values(task_id=task_id, **values))
            session.commit()

    def _exists(self, session: Session, task_id: Any) -> bool:
        return (
            session.query(self._tables.tasks.c.id).filter(self._tables.tasks.c.task_id == task_id).first() is not None
        )

    def _row(self, meta: dict[str, Any]) -> dict[str, Any]:
        done = meta["date_done"] or datetime.now(UTC)
        children = ensure_bytes(self.encode(meta["children"])) if meta.get("children") else None
        date = done.astimezone(UTC).replace(tzinfo=None)
        values = {**meta, "date_done": date, "children": children, "stamps": self._stamps(meta)}
        names = [column.name for column in self._tables.columns(self._tables.tasks)]
        return {name: values.get(name) for name in names if name not in ("id", "task_id")}

    def _stamps(self, meta: dict[str, Any]) -> Any:
        names = meta.get("stamped_headers")
        if not names:
            return None
        stamps = {name: meta[name] for name in names if name in meta}
        return ensure_bytes(self.encode({"stamped_headers": names, "stamps": stamps}))

    def _get_task_meta_for(self, task_id: Any) -> Any:
        tasks = self._tables.tasks
        with self._session() as session:
            row = session.query(*self._tables.columns(tasks)).filter(tasks.c.task_id == task_id).first()
        if row is None:
            return {"task_id": task_id, "status": states.PENDING, "result": None, "traceback": None, "children": None}
        meta = dict(row._mapping)
        del meta["id"]
        meta["result"] = self._decode_stored(meta["result"])
        meta.update({name: self.decode(meta[name]) for name in _ENCODED if meta.get(name) is not None})
        self._add_stamps(meta)
        return self.meta_from_decoded(meta)

    def _add_stamps(self, meta: dict[str, Any]) -> None:
        stored = meta.pop("stamps", None)
        if stored is None:
            return
        try:
            said = self.decode(stored)
            meta["stamped_headers"] = said["stamped_headers"]
            meta.update(said["stamps"])
        except Exception as error:
            logger.warning("the stamps of %s cannot be read: %r", meta["task_id"], error)

    def _decode_stored(self, payload: Any) -> Any:
        """Before 5.7 Celery pickled, whatever the serializer was; only such rows are unpickled."""
        if payload is None:
            return None
        payload = ensure_bytes(payload)
        try:
            return self.decode(payload)
        except Exception:
            if payload[:1] != _PICKLE:
                raise
            logger.warning("a result was stored by an old version of Celery, and is unpickled")
            return pickle.loads(payload)

    def task_result_exists(self, task_id: Any) -> bool:
        def exists() -> bool:
            with self._session() as session:
                return self._exists(session, task_id)

        return bool(self._ensure_retryable(exists))

    def _forget(self, task_id: Any) -> None:
        self._delete(self._tables.tasks, self._tables.tasks.c.task_id == task_id)

    # Groups

    def _save_group(self, group_id: Any, result: Any) -> Any:
        document = ensure_bytes(self.encode(self.prepare_value(result)))
        row = {"taskset_id": group_id, "result": document, "date_done": datetime.now(UTC).replace(tzinfo=None)}
        with self._session() as session:
            session.execute(self._tables.groups.insert().values(**row))
            session.commit()
        return result

    def _restore_group(self, group_id: Any) -> Any:
        groups = self._tables.groups
        with self._session() as session:
            row = session.query(groups).filter(groups.c.taskset_id == group_id).first()
        if row is None:
            return None
        meta = dict(row._mapping)
        del meta["id"]
        value = self._decode_stored(meta["result"])
        meta["result"] = None if value is None else result_from_tuple(value, self.app)
        return meta

    def _delete_group(self, group_id: Any) -> None:
        self._delete(self._tables.groups, self._tables.groups.c.taskset_id == group_id)

    def _delete(self, table: Any, condition: Any) -> None:
        with self._session() as session:
            session.execute(table.delete().where(condition))
            session.commit()

    # Housekeeping

    def cleanup(self) -> None:
        """Remove the rows of expired results."""
        if self.expires is None:
            return
        oldest = datetime.now(UTC).replace(tzinfo=None) - self.expires
        for table in (self._tables.tasks, self._tables.groups):
            self._ensure_retryable(self._delete, table, table.c.date_done < oldest)

    def __reduce__(self, args: Any = (), kwargs: Any = None) -> Any:
        more = {"dburi": self.url, "expires": self.expires, "engine_options": self.engine_options}
        return super().__reduce__(args, {**(kwargs or {}), **more})


def _callback(given: Any) -> Callable[[Any], Any] | None:
    found = symbol_by_name(given) if isinstance(given, str) else given
    if found is not None and not callable(found):
        raise ImproperlyConfigured(f"database_engine_callback must be callable, got {found!r}")
    return found  # type: ignore[no-any-return]
