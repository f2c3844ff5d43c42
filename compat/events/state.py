"""A picture of all workers and tasks, painted by their events."""

from __future__ import annotations

import bisect
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from weakref import WeakSet, ref

from kombu.clocks import timetuple
from kombu.utils.functional import LRUCache

from .. import states
from .task import Task
from .worker import HEARTBEAT_DRIFT_MAX, HEARTBEAT_EXPIRE_WINDOW, Worker, heartbeat_expires

__all__ = ("HEARTBEAT_DRIFT_MAX", "HEARTBEAT_EXPIRE_WINDOW", "State", "Task", "Worker", "heartbeat_expires")


class CallableDefaultdict(defaultdict[str, Any]):
    """An index that was a method once, and can still be called."""

    def __init__(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.fun = fun
        super().__init__(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fun(*args, **kwargs)


class State:
    """Workers by name, tasks by id, the newest 10,000 of them; ``event`` may be called from any thread."""

    Worker = Worker
    Task = Task
    event_count = 0
    task_count = 0
    heap_multiplier = 4

    def __init__(
        self,
        callback: Any = None,
        workers: Any = None,
        tasks: Any = None,
        taskheap: Any = None,
        max_workers_in_memory: int = 5000,
        max_tasks_in_memory: int = 10000,
        on_node_join: Any = None,
        on_node_leave: Any = None,
        tasks_by_type: Any = None,
        tasks_by_worker: Any = None,
    ) -> None:
        self.event_callback = callback
        self.workers = LRUCache(max_workers_in_memory) if workers is None else workers
        self.tasks = LRUCache(max_tasks_in_memory) if tasks is None else tasks
        self._taskheap: list[Any] = [] if taskheap is None else taskheap
        self.max_workers_in_memory = max_workers_in_memory
        self.max_tasks_in_memory = max_tasks_in_memory
        self.on_node_join = on_node_join
        self.on_node_leave = on_node_leave
        self._mutex = threading.Lock()
        self.handlers: dict[str, Callable[..., Any]] = {}
        self._seen_types: set[str] = set()
        self._orphans = LRUCache(max_tasks_in_memory)  # parent's id to tasks whose parent is not known yet
        self.rebuild_taskheap()
        self.tasks_by_type = CallableDefaultdict(self._tasks_by_type, WeakSet)
        self.tasks_by_type.update(_found(tasks_by_type, self.tasks))
        self.tasks_by_worker = CallableDefaultdict(self._tasks_by_worker, WeakSet)
        self.tasks_by_worker.update(_found(tasks_by_worker, self.tasks))

    # Taking in events

    def event(self, event: dict[str, Any]) -> Any:
        """Take an event in; returns ((worker or task, whether it is new), what happened to it)."""
        with self._mutex:
            return self._event(event)

    def _event(self, event: dict[str, Any]) -> Any:
        self.event_count += 1
        if self.event_callback:
            self.event_callback(self, event)
        group, _, subject = event["type"].partition("-")
        if group in self.handlers:
            return self.handlers[group](subject, event), subject
        if group == "worker":
            return self._worker_event(subject, event)
        return self._task_event(subject, event) if group == "task" else None

    def task_event(self, type_: str, fields: Any) -> Any:
        return self._event({**fields, "type": f"task-{type_}"})[0]

    def worker_event(self, type_: str, fields: Any) -> Any:
        return self._event({**fields, "type": f"worker-{type_}"})[0]

    def _worker_event(self, subject: str, event: dict[str, Any]) -> Any:
        if not {"hostname", "timestamp", "local_received"} <= event.keys():
            return None
        hostname, offline = event["hostname"], subject == "offline"
        worker = self.workers.data.get(hostname)
        created = worker is None and not offline
        if worker is None:
            worker = self.Worker(hostname)
            if not offline:
                self.workers[hostname] = worker
        worker.event(subject, event["timestamp"], event["local_received"], event)
        if self.on_node_join and (created or subject == "online"):
            self.on_node_join(worker)
        if self.on_node_leave and offline:
            self.on_node_leave(worker)
            self.workers.pop(hostname, None)
        return (worker, created), subject

    def _task_event(self, subject: str, event: dict[str, Any]) -> Any:
        uuid, hostname, timestamp = event["uuid"], event["hostname"], event["timestamp"]
        received, clock = event["local_received"], event["clock"]
        task = self.tasks.data.get(uuid)
        created = task is None
        if task is None:
            task = self.tasks[uuid] = self.Task(uuid, cluster_state=self)
        origin = self._origin(task, subject, hostname, timestamp, received)
        self._remember_time(timetuple(clock, timestamp, origin, ref(task)))
        if subject == "received":
            self.task_count += 1
        task.event(subject, timestamp, received, event)
        if task.name is not None:
            self._seen_types.add(task.name)
            if created:
                self.tasks_by_type[task.name].add(task)
                self.tasks_by_worker[hostname].add(task)
        self._relate(task)
        return (task, created), subject

    def _origin(self, task: Any, subject: str, hostname: str, timestamp: Any, received: Any) -> Any:
        if subject == "sent":
            task.client = hostname
            return hostname
        worker = self.workers.data.get(hostname)
        if worker is None:
            worker = self.workers[hostname] = self.Worker(hostname)
        task.worker = worker
        if received:
            worker.event(None, received, timestamp)
        return worker.id

    def _remember_time(self, when: Any) -> None:
        heap = self._taskheap
        if len(heap) + 1 > self.max_tasks_in_memory * self.heap_multiplier:
            heap.pop(0)
        if heap and when > heap[-1]:
            heap.append(when)
        else:
            bisect.insort(heap, when)

    def _relate(self, task: Any) -> None:
        if task.parent_id:
            parent = self.tasks.get(task.parent_id)
            if parent is not None:
                parent.children.add(task)
            else:
                if task.parent_id not in self._orphans:
                    self._orphans[task.parent_id] = WeakSet()
                self._orphans[task.parent_id].add(task)
        if task.uuid in self._orphans:
            task.children.update(self._orphans.pop(task.uuid))

    # Asking

    def get_or_create_worker(self, hostname: str, **kwargs: Any) -> tuple[Any, bool]:
        """(worker, whether it is new)."""
        if hostname in self.workers:
            worker = self.workers[hostname]
            worker.update(kwargs)
            return worker, False
        worker = self.workers[hostname] = self.Worker(hostname, **kwargs)
        return worker, True

    def get_or_create_task(self, uuid: str) -> tuple[Any, bool]:
        """(task, whether it is new)."""
        if uuid in self.tasks:
            return self.tasks[uuid], False
        task = self.tasks[uuid] = self.Task(uuid, cluster_state=self)
        return task, True

    def itertasks(self, limit: int | None = None) -> Iterator[tuple[str, Any]]:
        """(id, task), at most ``limit``."""
        return islice(self.tasks.items(), 0, limit or None)

    def tasks_by_time(self, limit: int | None = None, reverse: bool = True) -> Iterator[tuple[str, Any]]:
        """(id, task), the newest first unless ``reverse`` is false."""
        seen = set()
        for when in islice(reversed(self._taskheap) if reverse else self._taskheap, 0, limit):
            task = when[3]()
            if task is not None and task.uuid not in seen:
                seen.add(task.uuid)
                yield task.uuid, task

    tasks_by_timestamp = tasks_by_time

    def _tasks_by_type(self, name: str, limit: int | None = None, reverse: bool = True) -> Iterator[Any]:
        return islice((pair for pair in self.tasks_by_time(reverse=reverse) if pair[1].name == name), 0, limit)

    def _tasks_by_worker(self, hostname: str, limit: int | None = None, reverse: bool = True) -> Iterator[Any]:
        pairs = self.tasks_by_time(reverse=reverse)
        return islice((pair for pair in pairs if pair[1].worker.hostname == hostname), 0, limit)

    def task_types(self) -> list[str]:
        return sorted(self._seen_types)

    def alive_workers(self) -> Iterator[Any]:
        return (worker for worker in self.workers.values() if worker.alive)

    def rebuild_taskheap(self, timetuple: Any = timetuple) -> None:
        """Sort all tasks by time anew."""
        self._taskheap[:] = sorted(
            timetuple(task.clock, task.timestamp, task.origin, ref(task)) for task in self.tasks.values()
        )

    # Forgetting

    def freeze_while(self, fun: Callable[..., Any], *args: Any, clear_after: bool = False, **kwargs: Any) -> Any:
        """Call ``fun`` while no event is taken in; then forget all, if ``clear_after``."""
        with self._mutex:
            try:
                return fun(*args, **kwargs)
            finally:
                if clear_after:
                    self._clear()

    def clear(self, ready: bool = True) -> None:
        with self._mutex:
            self._clear(ready)

    def clear_tasks(self, ready: bool = True) -> None:
        """Forget tasks: the finished ones (``ready``), or all."""
        with self._mutex:
            self._clear_tasks(ready)

    def _clear(self, ready: bool = True) -> None:
        self.workers.clear()
        self._clear_tasks(ready)
        self.event_count = self.task_count = 0

    def _clear_tasks(self, ready: bool = True) -> None:
        kept = {
            uuid: task for uuid, task in (self.itertasks() if ready else ()) if task.state not in states.READY_STATES
        }
        self.tasks.clear()
        self.tasks.update(kept)
        self._taskheap[:] = []

    def __repr__(self) -> str:
        return f"<State: events={self.event_count} tasks={self.task_count}>"

    def __reduce__(self) -> Any:
        return type(self), (
            self.event_callback,
            self.workers,
            self.tasks,
            None,
            self.max_workers_in_memory,
            self.max_tasks_in_memory,
            self.on_node_join,
            self.on_node_leave,
            _ids(self.tasks_by_type),
            _ids(self.tasks_by_worker),
        )


def _ids(index: Any) -> dict[str, list[str]]:
    return {name: [task.id for task in tasks] for name, tasks in index.items()}


def _found(index: Any, tasks: Any) -> dict[str, Any]:
    return {name: WeakSet(tasks[id_] for id_ in ids if id_ in tasks) for name, ids in (index or {}).items()}
