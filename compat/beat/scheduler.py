"""Sends what is due, one entry per tick."""

from __future__ import annotations

import copy
import heapq
import time
from calendar import timegm
from functools import cached_property
from typing import Any

from kombu.common import ignore_errors
from kombu.utils.functional import maybe_evaluate

from ..pipeline import speaks_kombu
from ..producing import PipelineProducer
from ..schedules import crontab
from ..utils.functional import is_numeric_value
from ..utils.log import get_logger
from ..utils.time import humanize_seconds, maybe_make_aware
from .entry import ScheduleEntry, evaluate_args, evaluate_kwargs, event_t

logger = get_logger("celery.beat")
DEFAULT_MAX_INTERVAL = 300
PRIORITY = 5


class SchedulingError(Exception):
    """A task could not be sent."""


class Scheduler:
    """Keeps the schedule in memory. Subclasses may keep it elsewhere; ``lazy`` ones only show it."""

    Entry = ScheduleEntry
    max_interval: Any = DEFAULT_MAX_INTERVAL
    sync_every: float = 180
    sync_every_tasks: Any = None
    logger = logger
    _last_sync: float | None = None
    _tasks_since_sync = 0

    def __init__(
        self,
        app: Any,
        schedule: Any = None,
        max_interval: float | None = None,
        Producer: Any = None,
        lazy: bool = False,
        sync_every_tasks: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.app = app
        self.data = maybe_evaluate({} if schedule is None else schedule)
        self.max_interval = max_interval or app.conf.beat_max_loop_interval or self.max_interval
        self.Producer = Producer or app.amqp.Producer
        self._heap: list[Any] | None = None
        self.old_schedulers: Any = None
        self.sync_every_tasks = app.conf.beat_sync_every if sync_every_tasks is None else sync_every_tasks
        if not lazy:
            self.setup_schedule()

    # The schedule

    def get_schedule(self) -> Any:
        return self.data

    def set_schedule(self, schedule: Any) -> None:
        self.data = schedule

    schedule = property(get_schedule, set_schedule)

    def setup_schedule(self) -> None:
        self.install_default_entries(self.data)
        self.merge_inplace(self.app.conf.beat_schedule)

    def install_default_entries(self, data: Any) -> None:
        """The nightly cleanup, where the result backend does not forget by itself."""
        entries = {}
        needed = self.app.conf.result_expires and not self.app.backend.supports_autoexpire
        if needed and "celery.backend_cleanup" not in data:
            entries["celery.backend_cleanup"] = {
                "task": "celery.backend_cleanup",
                "schedule": crontab("0", "4", "*"),
                "options": {"expires": 12 * 3600},
            }
        self.update_from_dict(entries)

    def add(self, **kwargs: Any) -> Any:
        entry = self.Entry(app=self.app, **kwargs)
        self.schedule[entry.name] = entry
        return entry

    def _maybe_entry(self, name: str, entry: Any) -> Any:
        if isinstance(entry, self.Entry):
            entry.app = self.app
            return entry
        return self.Entry(**{**entry, "name": name, "app": self.app})

    def update_from_dict(self, dict_: Any) -> None:
        self.schedule.update({name: self._maybe_entry(name, entry) for name, entry in dict_.items()})

    def merge_inplace(self, b: Any) -> None:
        """Have the entries of ``b`` and no others; those that are known keep when they last ran."""
        schedule = self.schedule
        for name in set(schedule) ^ set(b):
            schedule.pop(name, None)
        for name in b:
            entry = self.Entry(**{**b[name], "name": name, "app": self.app})
            if schedule.get(name):
                schedule[name].update(entry)
            else:
                schedule[name] = entry

    def schedules_equal(self, old_schedules: Any, new_schedules: Any) -> bool:
        if old_schedules is None or new_schedules is None:
            return old_schedules is new_schedules
        if set(old_schedules) != set(new_schedules):
            return False
        return all(new_schedules.get(name) and new_schedules[name] == old for name, old in old_schedules.items())

    # Ticking

    def adjust(self, n: Any, drift: float = -0.010) -> Any:
        """A little less than ``n``: waking up takes time."""
        return n + drift if n and n > 0 else n

    def is_due(self, entry: Any) -> Any:
        return entry.is_due()

    def _is_due_or_later(self, ask: Any, entry: Any) -> Any:
        try:
            return ask()
        except Exception:
            when = humanize_seconds(self.max_interval)
            logger.error("beat: the next run of %r cannot be told; asked again in %s", entry.name, when, exc_info=True)
            return False, self.max_interval

    def _when(self, entry: Any, next_time_to_run: Any, mktime: Any = timegm) -> float:
        """Epoch seconds, that long from the entry's now."""
        now = maybe_make_aware(entry.default_now())
        return mktime(now.utctimetuple()) + now.microsecond / 1e6 + (self.adjust(next_time_to_run) or 0)  # type: ignore[no-any-return]

    def populate_heap(self, event_t: Any = event_t, heapify: Any = heapq.heapify) -> None:
        """Sort all entries by when they are due."""
        self._heap = []
        for entry in self.schedule.values():
            due, delay = self._is_due_or_later(entry.is_due, entry)
            self._heap.append(event_t(self._when(entry, 0 if due else delay) or 0, PRIORITY, entry))
        heapify(self._heap)

    def tick(
        self,
        event_t: Any = event_t,
        min: Any = min,
        heappop: Any = heapq.heappop,
        heappush: Any = heapq.heappush,
    ) -> float:
        """Send at most one due entry; returns how many seconds to wait."""
        if self._heap is None or not self.schedules_equal(self.old_schedulers, self.schedule):
            self.old_schedulers = copy.copy(self.schedule)
            self.populate_heap()
        heap: Any = self._heap
        if not heap:
            return float(self.max_interval)
        event = heap[0]
        entry = event[2]
        wait = event[0] - self._when(entry, 0)
        if wait > 0:
            return min(wait, self.max_interval)  # type: ignore[no-any-return]
        due, delay = self._is_due_or_later(lambda: self.is_due(entry), entry)
        first = heappop(heap)
        if first is not event:  # somebody changed the heap while we asked
            heappush(heap, first)
            return min(first[0] - self._when(first[2], 0), self.max_interval)  # type: ignore[no-any-return]
        if due:
            following = self.reserve(entry)
            self.apply_entry(entry, producer=self.producer)
            heappush(heap, event_t(self._when(following, delay), event[1], following))
            return 0
        later = delay if is_numeric_value(delay) else self.max_interval
        heappush(heap, event_t(self._when(entry, later), event[1], entry))
        return 0 if heap[0][2] is not entry else min(self.adjust(later), self.max_interval)

    def reserve(self, entry: Any) -> Any:
        """Count a run of ``entry``."""
        following = self.schedule[entry.name] = next(entry)
        return following

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send it; what goes wrong is logged, and it is due again next time."""
        logger.info("Scheduler: Sending due task %s (%s)", entry.name, entry.task)
        try:
            result = self.apply_async(entry, producer=producer, advance=False)
        except Exception as error:
            logger.error("Message Error: %s", error, exc_info=True)
        else:
            logger.debug("%s sent. id->%s", entry.task, getattr(result, "id", None))

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Send it; raises SchedulingError."""
        entry = self.reserve(entry) if advance else entry
        task = self.app.tasks.get(entry.task)
        try:
            args, kwargs = evaluate_args(entry.args), evaluate_kwargs(entry.kwargs)
            options = entry.options.copy()
            options.setdefault("headers", {})["celery_beat_task"] = True
            if task:
                return task.apply_async(args, kwargs, producer=producer, **options)
            return self.send_task(entry.task, args, kwargs, producer=producer, **options)
        except Exception as error:
            raise SchedulingError(f"Couldn't apply scheduled task {entry.name}: {error}") from error
        finally:
            self._tasks_since_sync += 1
            if self.should_sync():
                self._do_sync()

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        return self.app.send_task(*args, **kwargs)

    # Keeping it

    def should_sync(self) -> bool:
        if not self._last_sync or time.monotonic() - self._last_sync > self.sync_every:
            return True
        return bool(self.sync_every_tasks and self._tasks_since_sync >= self.sync_every_tasks)

    def _do_sync(self) -> None:
        try:
            self.sync()
        finally:
            self._last_sync = time.monotonic()
            self._tasks_since_sync = 0

    def sync(self) -> None:
        """For subclasses: write the schedule down."""

    def close(self) -> None:
        """Write the schedule down, let go of the broker."""
        synced = False
        try:
            self.sync()
            synced = True
        finally:
            self.__dict__.pop("producer", None)
            connection = self.__dict__.pop("connection", None)
            if connection is not None:
                self._release(connection, quiet=not synced)

    def _release(self, connection: Any, quiet: bool) -> None:
        try:
            ignore_errors(connection, connection.release)
        except Exception:
            if not quiet:
                raise
            logger.error("beat: the connection could not be released", exc_info=True)

    def _ensure_connected(self) -> Any:
        def say(error: BaseException, interval: float) -> None:
            logger.error("beat: Connection error: %s. Trying again in %s seconds...", error, interval)

        return self.connection.ensure_connection(say, self.app.conf.broker_connection_max_retries)

    @cached_property
    def connection(self) -> Any:
        return self.app.connection_for_write()

    @cached_property
    def producer(self) -> Any:
        """Through the pipeline; of another class only if one was given. Made once the broker answers."""
        speaks = speaks_kombu(self.app)
        if speaks:
            self._ensure_connected()
        if self.Producer is not self.app.amqp.Producer:
            return self.Producer(self.connection, auto_declare=False)
        producer = PipelineProducer(self.app, self.app.pipeline)
        if speaks:
            producer.connection = self.connection  # which is closed with this scheduler
        return producer

    @property
    def info(self) -> str:
        return ""
