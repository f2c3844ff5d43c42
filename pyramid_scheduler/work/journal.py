"""What a process runs that the broker has forgotten, where its parent still finds it when the process is dead."""

from __future__ import annotations

import logging
import marshal
import mmap
import os
import pickle
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.reduction import DupFd
from struct import Struct
from typing import Any, Self

from ..core.ending import Begun
from ..core.message import Delivery
from ..core.run import Run

log = logging.getLogger(__name__)

#: An entry: how many bytes follow, or 0 where it is crossed out; whether the run has ended; whether its message is
#: being acked, and whether it is; words. The number as this machine has it, which writes it in one step: a process that
#: is killed leaves no half of it.
LENGTH = Struct("Q")
LENGTH_BYTES = LENGTH.size
HAS_ENDED, IS_ACKING, IS_ACKED, NONE = 0, 1, 2, b"\0\0\0"
#: Of the file, the part that both processes have mapped: to write there is no call to the system, which would let
#: other threads have the interpreter. Entries that are larger, or too many, have rooms of their own after it.
PAGE_BYTES, PAGES = 2048, 4096
PAGES_BYTES = PAGES * PAGE_BYTES
LONGEST_IN_PAGE = PAGE_BYTES - LENGTH_BYTES
ROOM_BYTES = 1 << 30  # of a sparse file: what is not written takes no memory
_PICKLE = b"\x80"  # with which nothing begins that marshal writes
#: The delivery with this ``raw``, queue and tag.
Reopen = Callable[[bytes, str, Any], Delivery]


class Journal:
    """A file in memory that a supervisor shares with one child.

    The child writes down each run whose message is acked before the call, and crosses it out when its outcome is
    settled. That costs microseconds and wakes nobody; a message through a pipe would cost more than many a task.
    """

    def __init__(self, fd: int | None = None) -> None:
        self._fd = _open_file() if fd is None else fd
        self._pages = mmap.mmap(self._fd, PAGES_BYTES)
        self._inode = os.fstat(self._fd).st_ino
        # From the end and back: the same few pages again and again, as each takes memory from its first use on.
        self._free = list(range(PAGES_BYTES - PAGE_BYTES, -1, -PAGE_BYTES))
        self._rooms = _Rooms(self._fd)

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
        words = NONE + _words(run, started_at, wants_word)
        length = len(words)
        try:
            at = self._free.pop() if length <= LONGEST_IN_PAGE else self._rooms.take()
        except IndexError:  # no page is free
            at = self._rooms.take()
        run.delivery.journaled_at = at
        if at < PAGES_BYTES:
            self._pages[at + LENGTH_BYTES : at + LENGTH_BYTES + length] = words
            LENGTH.pack_into(self._pages, at, length)  # last: half an entry is none
        else:
            _write(self._fd, words, at + LENGTH_BYTES)
            _write(self._fd, LENGTH.pack(length), at)

    def note_end(self, delivery: Delivery) -> None:
        """It has ended, and not failed; it is crossed out when that is written elsewhere."""
        self._note((delivery,), HAS_ENDED)

    def note_acking(self, deliveries: Sequence[Delivery]) -> None:
        """To be said before their ack: who reads it between the two does not know whether that was heard."""
        self._note(deliveries, IS_ACKING)

    def note_acks(self, deliveries: Sequence[Delivery]) -> None:
        """Their ack was said."""
        self._note(deliveries, IS_ACKED)

    def _note(self, deliveries: Sequence[Delivery], what: int) -> None:
        pages, offset = self._pages, LENGTH_BYTES + what
        for delivery in deliveries:
            at = delivery.journaled_at
            if at is None:
                continue
            if at < PAGES_BYTES:
                pages[at + offset] = 1
            else:
                _write(self._fd, b"\1", at + offset)

    def end(self, *deliveries: Delivery) -> None:
        """They are settled; without effect on what was not begun."""
        pages, free, cross_out = self._pages, self._free.append, LENGTH.pack_into
        for delivery in deliveries:
            at, delivery.journaled_at = delivery.journaled_at, None
            if at is None:
                continue
            if at < PAGES_BYTES:
                cross_out(pages, at, 0)
                free(at)
            else:
                self._rooms.leave(at)

    def left(self, reopen: Reopen) -> list[Begun]:
        """What was begun and not settled, read by the parent when the child is dead."""
        found: list[Begun] = []
        for at in self._places():
            (length,) = LENGTH.unpack(os.pread(self._fd, LENGTH_BYTES, at).ljust(LENGTH_BYTES, b"\0"))
            if not length:
                continue
            try:
                found.append(_begun(os.pread(self._fd, length, at + LENGTH_BYTES), reopen))
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


@contextmanager
def acking(journal: Journal | None, deliveries: Sequence[Delivery]) -> Iterator[None]:
    """Around their ack: what breaks off between its begin and its end may have been heard, or not."""
    if journal is not None:
        journal.note_acking(deliveries)
    yield
    if journal is not None:
        journal.note_acks(deliveries)


class _Rooms:
    """For entries that are too large for a page, or too many."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._taken = 0
        self._free: list[int] = []
        self._next = PAGES_BYTES

    def take(self) -> int:
        with self._lock:
            self._taken += 1
            if self._free:
                return self._free.pop()
            at, self._next = self._next, self._next + ROOM_BYTES
            return at

    def leave(self, at: int) -> None:
        _write(self._fd, LENGTH.pack(0), at)
        with self._lock:
            self._taken -= 1
            self._free.append(at)
            if not self._taken:  # what is crossed out keeps its memory otherwise
                os.ftruncate(self._fd, PAGES_BYTES)
                self._free, self._next = [], PAGES_BYTES


def _words(run: Run, started_at: float, wants_word: bool) -> bytes:
    """Plain values, as they are at hand: dataclasses take thrice as long. Most of it is the message, which is copied as
    it came if it came in one piece."""
    d = run.delivery
    raw = d.raw.encode() if isinstance(d.raw, str) else d.raw
    parts = d.queue, d.headers, d.body, d.content_type, d.content_encoding, d.properties, d.tag
    carried = (d.queue, d.tag) if raw else parts
    entry: Any = run.id, run.task, run.retries, started_at, wants_word, len(raw), carried
    try:
        return marshal.dumps(entry) + raw
    except ValueError:  # a date among the headers, say
        return pickle.dumps(entry) + raw


def _begun(words: bytes, reopen: Reopen) -> Begun:
    states, words = map(bool, words[: len(NONE)]), words[len(NONE) :]
    read = pickle.loads if words.startswith(_PICKLE) else marshal.loads
    run_id, task, retries, started_at, wants_word, raw_bytes, carried = read(words)
    delivery = reopen(words[-raw_bytes:], *carried) if raw_bytes else Delivery(*carried)
    return Begun(run_id, task, retries, delivery.message(), started_at, wants_word, delivery.tag, *states)


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
