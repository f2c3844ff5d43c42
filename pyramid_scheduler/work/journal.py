"""What a process runs that the broker has forgotten, where its parent still finds it when the process is dead."""

from __future__ import annotations

import logging
import mmap
import os
import pickle
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing.reduction import DupFd
from typing import Any, Self

from ..core.ending import Begun
from ..core.message import Delivery
from ..core.run import Run

log = logging.getLogger(__name__)

LENGTH_BYTES = 8
CROSSED_OUT = bytes(LENGTH_BYTES)
ENDED = b"\1"
#: Of the file, the part that both processes have mapped: to write there is no call to the system, which would let
#: other threads have the interpreter. Entries that are larger, or too many, have rooms of their own after it.
PAGE_BYTES, PAGES = 2048, 4096
PAGES_BYTES = PAGES * PAGE_BYTES
ROOM_BYTES = 1 << 30  # of a sparse file: what is not written takes no memory


class Journal:
    """A file in memory that a supervisor shares with one child.

    The child writes down each run whose message is acked before the call, and crosses it out when its outcome is
    settled. That costs microseconds and wakes nobody; a message through a pipe would cost more than many a task.
    """

    def __init__(self, fd: int | None = None) -> None:
        self._fd = _open_file() if fd is None else fd
        self._pages = mmap.mmap(self._fd, PAGES_BYTES)
        self._inode = os.fstat(self._fd).st_ino
        self._lock = threading.Lock()
        self._open = 0  # entries
        self._free: list[int] = []  # slots of those that are crossed out

    def __reduce__(self) -> tuple[Any, ...]:
        return _inherit, (DupFd(self._fd),)

    @property
    def is_whole(self) -> bool:
        """Whether nobody has closed its descriptor."""
        try:
            return os.fstat(self._fd).st_ino == self._inode
        except OSError:
            return False

    def begin(self, run: Run, started_at: float, *, wants_word: bool) -> None:
        """Write it down. ``wants_word``: its task is to be told how it ended."""
        words = b"\0" + _words(run, started_at, wants_word)
        with self._lock:
            slot = self._free.pop() if self._free else self._open
            self._open += 1
        in_page = len(words) <= PAGE_BYTES - LENGTH_BYTES and slot < PAGES
        run.delivery.journaled_at = at = slot * PAGE_BYTES if in_page else PAGES_BYTES + slot * ROOM_BYTES
        self._put(words, at + LENGTH_BYTES)
        self._put(len(words).to_bytes(LENGTH_BYTES, "big"), at)  # last: half an entry is none

    def note_end(self, delivery: Delivery) -> None:
        """It has ended, and not failed; it is crossed out when that is written elsewhere."""
        if delivery.journaled_at is not None:
            self._put(ENDED, delivery.journaled_at + LENGTH_BYTES)

    def end(self, delivery: Delivery) -> None:
        """It is settled; without effect where it was not begun."""
        at, delivery.journaled_at = delivery.journaled_at, None
        if at is None:
            return
        in_page = at < PAGES_BYTES
        self._put(CROSSED_OUT, at)
        with self._lock:
            self._open -= 1
            self._free.append(at // PAGE_BYTES if in_page else (at - PAGES_BYTES) // ROOM_BYTES)
            if not in_page and not self._open:  # what is crossed out keeps its memory otherwise
                os.ftruncate(self._fd, PAGES_BYTES)
                self._free.clear()

    def _put(self, data: bytes, at: int) -> None:
        if at < PAGES_BYTES:
            self._pages[at : at + len(data)] = data
        else:
            _write(self._fd, data, at)

    def left(self) -> list[Begun]:
        """What was begun and not settled, read by the parent when the child is dead."""
        found: list[Begun] = []
        for at in self._places():
            length = int.from_bytes(os.pread(self._fd, LENGTH_BYTES, at), "big")
            if not length:
                continue
            try:
                found.append(_begun(os.pread(self._fd, length, at + LENGTH_BYTES)))
            except Exception:  # the others are to be found all the same
                log.exception("what a dead process wrote of a run cannot be read")
        return found

    def _places(self) -> Iterator[int]:
        yield from range(0, PAGES_BYTES, PAGE_BYTES)
        yield from range(PAGES_BYTES, os.fstat(self._fd).st_size, ROOM_BYTES)

    def close(self) -> None:
        self._pages.close()
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _words(run: Run, started_at: float, wants_word: bool) -> bytes:
    """Plain values, as they are at hand: dataclasses take pickle thrice as long."""
    d = run.delivery
    carried = d.queue, d.headers, d.body, d.content_type, d.content_encoding, d.properties, d.tag
    return pickle.dumps((run.id, run.task, run.retries, started_at, wants_word, carried))


def _begun(words: bytes) -> Begun:
    has_ended, words = words[:1] == ENDED, words[1:]
    run_id, task, retries, started_at, wants_word, carried = pickle.loads(words)
    delivery = Delivery(*carried)
    return Begun(run_id, task, retries, delivery.message(), started_at, wants_word, delivery.tag, has_ended)


def _write(fd: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(fd, data, at)
        data, at = data[written:], at + written


def _open_file() -> int:
    """In memory where the system has such files, elsewhere one that is deleted already."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("pscheduler-journal")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, PAGES_BYTES)
    return fd


def _inherit(fd: Any) -> Journal:
    return Journal(fd.detach())
