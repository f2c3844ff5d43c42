"""What this worker process has received, runs, and has been told to forget."""

from __future__ import annotations

import os
import platform
import shelve
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any

from kombu.serialization import pickle, pickle_protocol

from .. import __version__
from ..exceptions import ImproperlyConfigured, WorkerShutdown, WorkerTerminate
from ..platforms.exits import EX_FAILURE as EX_FAILURE
from ..platforms.exits import EX_OK as EX_OK
from ..utils.collections import LimitedSet

SOFTWARE_INFO = {"sw_ident": "py-celery", "sw_ver": __version__, "sw_sys": platform.system()}


def _env(name: str, default: Any, kind: Callable[[str], Any], kind_name: str) -> Any:
    value = os.environ.get(name)
    try:
        return default if value is None else kind(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"Invalid value for {name}: expected {kind_name}, got {value!r}") from error


REVOKES_MAX = _env("CELERY_WORKER_REVOKES_MAX", 50000, int, "int")
SUCCESSFUL_MAX = _env("CELERY_WORKER_SUCCESSFUL_MAX", 1000, int, "int")
REVOKE_EXPIRES = _env("CELERY_WORKER_REVOKE_EXPIRES", 10800.0, float, "float")
SUCCESSFUL_EXPIRES = _env("CELERY_WORKER_SUCCESSFUL_EXPIRES", 10800.0, float, "float")

#: Id to request, until it is over.
requests: dict[str, Any] = {}
reserved_requests: set[Any] = set()
scheduled_requests: set[Any] = set()
active_requests: set[Any] = set()
total_count: Counter[str] = Counter()
all_total_count = [0]
revoked = LimitedSet(maxlen=REVOKES_MAX, expires=REVOKE_EXPIRES)
revoked_stamps: dict[str, Any] = {}
successful_requests = LimitedSet(maxlen=SUCCESSFUL_MAX, expires=SUCCESSFUL_EXPIRES)

#: Set to an exit code, or True, to stop.
should_stop: Any = None
should_terminate: Any = None


def reset_state() -> None:
    """Forget all."""
    for collection in (requests, reserved_requests, scheduled_requests, active_requests, total_count):
        collection.clear()
    all_total_count[:] = [0]
    revoked.clear()
    revoked_stamps.clear()
    successful_requests.clear()


def maybe_shutdown() -> None:
    """Raise WorkerTerminate or WorkerShutdown, if that was asked for."""
    if should_terminate is not None and should_terminate is not False:
        raise WorkerTerminate(should_terminate)
    if should_stop is not None and should_stop is not False:
        raise WorkerShutdown(should_stop)


def task_reserved(request: Any) -> None:
    """It was received."""
    requests[request.id] = request
    reserved_requests.add(request)


def task_scheduled(request: Any) -> None:
    """It waits for its time."""
    requests[request.id] = request
    scheduled_requests.add(request)


def task_accepted(request: Any) -> None:
    """It starts."""
    requests[request.id] = request
    active_requests.add(request)
    total_count[request.name] += 1
    all_total_count[0] += 1


def task_ready(request: Any, successful: bool = False) -> None:
    """It is over."""
    if successful:
        successful_requests.add(request.id)
    requests.pop(request.id, None)
    active_requests.discard(request)
    reserved_requests.discard(request)


def merge_revoked(ids: Any) -> None:
    """Take in the ids that another worker knows to be revoked."""
    revoked.update(ids)


class Persistent:
    """Keeps what is revoked in a file (``--statedb``). The rows of ``control.revoke`` outlive restarts without it."""

    storage: Any = shelve
    protocol = pickle_protocol
    _is_open = False

    def __init__(self, state: Any, filename: str, clock: Any = None) -> None:
        self.state = state
        self.filename = filename
        self.clock = clock
        self.merge()

    def open(self) -> Any:
        return self.storage.open(self.filename, protocol=self.protocol, writeback=True)

    def merge(self) -> None:
        self._merge_with(self.db)

    def sync(self) -> None:
        self._sync_with(self.db)
        self.db.sync()

    def close(self) -> None:
        if self._is_open:
            self.db.close()
            self._is_open = False

    def save(self) -> None:
        self.sync()
        self.close()

    def _merge_with(self, d: Any) -> None:
        """Revoked tasks and the clock from the file into memory."""
        packed = d.get("zrevoked")
        if packed:
            self.state.revoked.update(list(pickle.loads(self.decompress(packed))))
        if self.clock:
            d["clock"] = self.clock.adjust(d.get("clock") or 0)

    def _sync_with(self, d: Any) -> None:
        self.state.revoked.purge()
        d.update(zrevoked=self.compress(pickle.dumps(self.state.revoked, protocol=self.protocol)))
        if self.clock:
            d["clock"] = self.clock.forward()

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decompress(self, data: bytes) -> bytes:
        return zlib.decompress(data)

    @cached_property
    def db(self) -> Any:
        self._is_open = True
        return self.open()
