"""The schedule in a file."""

from __future__ import annotations

import dbm
import os
import shelve
from pickle import UnpicklingError
from typing import Any

from .. import __version__
from ..utils.log import get_logger
from .scheduler import Scheduler

logger = get_logger("celery.beat")
_UNREADABLE = (KeyError, UnicodeDecodeError, TypeError, UnpicklingError)


class PersistentScheduler(Scheduler):
    """Remembers in a shelve when each entry last ran."""

    persistence: Any = shelve
    known_suffixes = ("", ".db", ".dat", ".bak", ".dir")
    _store: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.schedule_filename = kwargs.get("schedule_filename")
        super().__init__(*args, **kwargs)

    def get_schedule(self) -> Any:
        return self._store["entries"]

    def set_schedule(self, schedule: Any) -> None:
        self._store["entries"] = schedule

    schedule = property(get_schedule, set_schedule)

    def _open_schedule(self) -> Any:
        return self.persistence.open(self.schedule_filename, writeback=True)

    def _remove_db(self) -> None:
        for suffix in self.known_suffixes:
            try:
                os.remove(f"{self.schedule_filename}{suffix}")
            except FileNotFoundError:
                pass

    def _destroy_open_corrupted_schedule(self, error: BaseException) -> Any:
        logger.error("the schedule file %r cannot be read and is made anew: %r", self.schedule_filename, error)
        self._remove_db()
        return self._open_schedule()

    def setup_schedule(self) -> None:
        try:
            self._store = self._open_schedule()
            self._store.keys()
        except Exception as error:
            self._store = self._destroy_open_corrupted_schedule(error)
        self._create_schedule()
        conf = self.app.conf
        self._forget_if_changed("tz", conf.timezone)
        self._forget_if_changed("utc_enabled", conf.enable_utc)
        self._store.setdefault("entries", {})
        self.merge_inplace(conf.beat_schedule)
        self.install_default_entries(self.schedule)
        self._store.update({"__version__": __version__, "tz": conf.timezone, "utc_enabled": conf.enable_utc})
        self.sync()

    def _forget_if_changed(self, key: str, value: Any) -> None:
        """Times that were kept under another time zone mean nothing."""
        stored = self._store.get(key)
        if stored is not None and stored != value:
            logger.warning("Reset: %s changed from %r to %r", key, stored, value)
            self._store.clear()

    def _create_schedule(self) -> None:
        for _ in range(2):
            try:
                self._store["entries"]
            except (*_UNREADABLE, ValueError):
                try:
                    self._store["entries"] = {}
                except (*_UNREADABLE, *dbm.error) as error:
                    self._store = self._destroy_open_corrupted_schedule(error)
                    continue
            else:
                missing = [key for key in ("__version__", "tz", "utc_enabled") if key not in self._store]
                if missing:
                    logger.warning("DB Reset: Account for new %s field", missing[0])
                    self._store.clear()
            return

    def sync(self) -> None:
        if self._store is not None:
            self._store.sync()

    def close(self) -> None:
        closed = False
        try:
            super().close()
            closed = True
        finally:
            if self._store is not None:
                try:
                    self._store.close()
                except Exception:
                    if closed:
                        raise
                    logger.error("beat: the schedule file could not be closed", exc_info=True)

    @property
    def info(self) -> str:
        return f"    . db -> {self.schedule_filename}"
