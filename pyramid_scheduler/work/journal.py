"""What a process runs that the broker has forgotten, where its parent still finds it when the process is dead."""

from __future__ import annotations

import logging
import os
import pickle
import tempfile
import threading
from multiprocessing.reduction import DupFd
from typing import Any, Self

from ..core.ending import Begun
from ..core.message import Delivery, Message

log = logging.getLogger(__name__)

SLOT_BYTES = 1 << 30  # of a sparse file: what is not written takes no memory
LENGTH_BYTES = 8
PAGE_BYTES = 4096
LARGE_BYTES = 1 << 20


class Journal:
    """A file in memory that a supervisor shares with one child.

    The child writes down each run whose message is acked before the call, and crosses it out when its outcome is
    settled. That costs microseconds and wakes nobody; a message through a pipe would cost more than many a task.
    """

    def __init__(self, fd: int | None = None) -> None:
        self._fd = _open_file() if fd is None else fd
        self._lock = threading.Lock()
        self._slots: dict[int, tuple[int, Delivery]] = {}  # by the id of the delivery, which is kept alive for it
        self._free: list[int] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return _inherit, (DupFd(self._fd),)

    def begin(self, delivery: Delivery, begun: Begun) -> None:
        entry = _entry(begun)
        with self._lock:
            slot = self._free.pop() if self._free else len(self._slots)
            self._slots[id(delivery)] = (slot, delivery)
        length = len(entry).to_bytes(LENGTH_BYTES, "big")
        if len(entry) <= PAGE_BYTES - LENGTH_BYTES:  # what goes to one page is written at once, or not at all
            os.pwrite(self._fd, length + entry, slot * SLOT_BYTES)
            return
        _write(self._fd, entry, slot * SLOT_BYTES + LENGTH_BYTES)
        _write(self._fd, length, slot * SLOT_BYTES)  # last: half an entry is none

    def end(self, delivery: Delivery) -> None:
        """It is settled; without effect where it was not begun."""
        with self._lock:
            slot, _ = self._slots.pop(id(delivery), (None, None))
            if slot is not None:
                os.pwrite(self._fd, bytes(LENGTH_BYTES), slot * SLOT_BYTES)
                self._free.append(slot)
            if not self._slots and self._free:
                self._forget_all()

    def _forget_all(self) -> None:
        """Now and then: what is crossed out keeps its memory otherwise."""
        if os.fstat(self._fd).st_blocks * 512 > LARGE_BYTES:
            os.ftruncate(self._fd, 0)
            self._free.clear()

    def left(self) -> list[Begun]:
        """What was begun and not settled, read by the parent when the child is dead."""
        found: list[Begun] = []
        for at in range(0, os.fstat(self._fd).st_size, SLOT_BYTES):
            length = int.from_bytes(os.pread(self._fd, LENGTH_BYTES, at), "big")
            if not length:
                continue
            try:
                found.append(_begun(os.pread(self._fd, length, at + LENGTH_BYTES)))
            except Exception:  # the others are to be found all the same
                log.exception("what a dead process wrote of a run cannot be read")
        return found

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _entry(begun: Begun) -> bytes:
    """Tuples of plain values: dataclasses take pickle thrice as long."""
    message = begun.message
    return pickle.dumps((tuple(vars(message).values()), *begun._replace(message=None)))  # type: ignore[arg-type]


def _begun(entry: bytes) -> Begun:
    message, *fields = pickle.loads(entry)
    return Begun(*fields)._replace(message=Message(*message))


def _write(fd: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(fd, data, at)
        data, at = data[written:], at + written


def _open_file() -> int:
    """In memory where the system has such files, elsewhere one that is deleted already."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("pscheduler-journal")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _inherit(fd: Any) -> Journal:
    return Journal(fd.detach())
