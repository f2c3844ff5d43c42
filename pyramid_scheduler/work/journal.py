"""What a process runs that the broker has forgotten, where its parent still finds it when the process is dead."""

from __future__ import annotations

import logging
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.reduction import DupFd
from struct import Struct
from typing import Any, Self

from ..core.ending import Begun
from ..core.message import Delivery
from ..core.run import Run
from .sheet import ROOMS_BYTES, Reopen, Sheet, SheetReader, Sheets

log = logging.getLogger(__name__)

#: A run: when it began; where its sheet is, that sheet's number, and its place in there; whether its task is to be told
#: how it ended; whether it has; whether its message is being acked, and whether it is; and last, so that half of it is
#: nothing, whether it has begun, and is not crossed out.
SLOT = Struct("dQQIBBBBB3x")
IN_SLOT = Struct("dQQI").size
HAS_ENDED, IS_ACKING, IS_ACKED, HAS_BEGUN = (IN_SLOT + number for number in (1, 2, 3, 4))
#: Used block by block: the second when so many runs wait for their outcome to be settled that the first is full.
BLOCK_BYTES, BLOCKS = SLOT.size << 14, 16
SLOTS_BYTES = BLOCK_BYTES * BLOCKS
MAPPED_BYTES = SLOTS_BYTES + ROOMS_BYTES


class Journal:
    """A file in memory that a supervisor shares with one child.

    The child writes down each run whose message is acked before the call, and crosses it out when its outcome is
    settled. That costs a microsecond and wakes nobody; a message through a pipe would cost more than many a task.
    """

    def __init__(self, fd: int | None = None) -> None:
        self._fd = _open_file() if fd is None else fd
        self._pages = mmap.mmap(self._fd, MAPPED_BYTES)
        # The same few slots again and again, as each takes memory from its first use on.
        self._free: list[int] = []
        self._unused = iter(range(0, SLOTS_BYTES, BLOCK_BYTES))
        self._sheets = Sheets(self._pages, self._fd, SLOTS_BYTES)
        # Whoever holds a delivery may drop it unsettled: what its slot names must stay where it is all the same.
        self._named: dict[int, Sheet] = {}
        self.foresee = self._sheets.foresee

    def __reduce__(self) -> tuple[Any, ...]:
        return _inherit, (DupFd(self._fd),)

    @property
    def is_whole(self) -> bool:
        """Whether nobody has closed its descriptor."""
        return self._sheets.is_whole

    def begin(self, run: Run, *, wants_word: bool) -> bool:
        """Write it down; False: there are too many. ``wants_word``: its task is to be told how it ended."""
        delivery = run.delivery
        sheet, place = delivery.place or self._sheets.alone(run)
        try:
            at: int | None = self._free.pop()
        except IndexError:
            at = self._begin_block()
        if at is None:
            return False
        self._named[at] = sheet
        SLOT.pack_into(self._pages, at, run.started_at, sheet.at, sheet.number, place, wants_word, 0, 0, 0, 1)
        delivery.journaled_at = at
        return True

    def _begin_block(self) -> int | None:
        """Its first slot."""
        first = next(self._unused, None)
        if first is not None:
            self._free.extend(range(first + BLOCK_BYTES - SLOT.size, first, -SLOT.size))
        return first

    def note_end(self, delivery: Delivery) -> None:
        """It has ended, and not failed; it is crossed out when that is written elsewhere."""
        if delivery.journaled_at is not None:
            self._pages[delivery.journaled_at + HAS_ENDED] = 1

    def note_acking(self, deliveries: Sequence[Delivery]) -> None:
        """To be said before their ack: who reads it between the two does not know whether that was heard."""
        self._note(deliveries, IS_ACKING)

    def note_acks(self, deliveries: Sequence[Delivery]) -> None:
        """Their ack was said."""
        self._note(deliveries, IS_ACKED)

    def _note(self, deliveries: Sequence[Delivery], what: int) -> None:
        pages = self._pages
        for delivery in deliveries:
            at = delivery.journaled_at
            if at is not None:
                pages[at + what] = 1

    def end(self, *deliveries: Delivery) -> None:
        """They are settled; without effect on what was not begun."""
        pages, named, free = self._pages, self._named, self._free.append
        for delivery in deliveries:
            at, delivery.journaled_at = delivery.journaled_at, None
            if at is None:
                continue
            pages[at + HAS_BEGUN] = 0
            delivery.place = None
            del named[at]
            free(at)
        self._sheets.tidy()

    def left(self, reopen: Reopen) -> list[Begun]:
        """What was begun and not settled, read by the parent when the child is dead."""
        found: list[Begun] = []
        sheets = SheetReader(self._fd, reopen)
        for *slot, has_begun in self._slots():
            if not has_begun:
                continue
            try:
                found.append(_begun(slot, sheets))
            except Exception:  # the others are to be found all the same
                log.exception("what a dead process wrote of a run cannot be read")
        return found

    def _slots(self) -> Iterator[tuple[Any, ...]]:
        """Of the blocks that were used."""
        for first in range(0, SLOTS_BYTES, BLOCK_BYTES):
            words = os.pread(self._fd, BLOCK_BYTES, first)
            if words.strip(b"\0"):
                yield from SLOT.iter_unpack(words)

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


def _begun(slot: Sequence[Any], sheets: SheetReader) -> Begun:
    started_at, at, number, place, *states = slot
    delivery, run_id, task, retries = sheets.entry(at, number, place)
    wants_word, has_ended, is_acking, is_acked = map(bool, states)
    message = delivery.message()
    return Begun(run_id, task, retries, message, started_at, wants_word, delivery.tag, has_ended, is_acking, is_acked)


def _open_file() -> int:
    """In memory where the system has such files, elsewhere one that is deleted already."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("pscheduler-journal")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, MAPPED_BYTES)
    return fd


def _inherit(fd: Any) -> Journal:
    return Journal(fd.detach())
