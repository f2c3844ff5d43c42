"""What messages carry, written where a process's parent finds it: many in one sheet, as each alone takes longer."""

from __future__ import annotations

import errno
import itertools
import marshal
import mmap
import os
import pickle
import threading
from collections import deque
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

from ..core.message import Delivery
from ..core.run import Run

#: Before the words: the sheet's number, which tells who kept a wrong place, and how many bytes follow.
HEAD = Struct("QQ")
ROOM_BYTES, ROOMS = 1 << 16, 512
ROOMS_BYTES = ROOM_BYTES * ROOMS
LONGEST_IN_ROOM = ROOM_BYTES - HEAD.size
LARGE_ROOM_BYTES = 1 << 30  # of a sparse file: what is not written takes no memory
#: Of an entry beside the message: names of queues, and tags, are shorter than that.
SURPLUS_BYTES = 512
#: Of most messages; where it is more, fewer are written together.
HEADERS_BYTES = 1024
_PICKLE = b"\x80"  # with which nothing begins that marshal writes
#: The delivery with this ``raw``, queue and tag.
Reopen = Callable[[bytes, str, Any], Delivery]


class Sheet:
    """Entries that were written together. Its room is free again when neither a delivery nor a run names the sheet."""

    __slots__ = ("_free", "at", "number")

    def __init__(self, at: int, number: int, free: Callable[[int], object]) -> None:
        self.at = at
        self.number = number
        self._free = free

    def __del__(self) -> None:  # in any thread, in the middle of anything: it must not wait for a lock
        self._free(self.at)


class Sheets:
    """The rooms for sheets in a journal's file, from ``begin`` on: those that two processes have mapped, and large ones
    after them."""

    def __init__(self, pages: mmap.mmap, fd: int, begin: int) -> None:
        self._pages = pages
        self._numbers = itertools.count(1)
        # From the end and back: the same few rooms again and again, as each takes memory from its first use on.
        self._free = list(range(begin + ROOMS_BYTES - ROOM_BYTES, begin - ROOM_BYTES, -ROOM_BYTES))
        self._large = _LargeRooms(fd, begin + ROOMS_BYTES)

    def foresee(self, deliveries: Sequence[Delivery]) -> None:
        """Write down what those carry, where marshal has a word for all of it, so that it need not be done for each."""
        few: list[Delivery] = []
        left = LONGEST_IN_ROOM
        for one in deliveries:
            length = SURPLUS_BYTES + (len(one.raw) or len(one.body) + HEADERS_BYTES)
            if length > LONGEST_IN_ROOM:  # a large room of its own, when it begins
                continue
            if length > left:
                self._foresee(few)
                few, left = [], LONGEST_IN_ROOM
            few.append(one)
            left -= length
        if few:
            self._foresee(few)

    def _foresee(self, few: Sequence[Delivery]) -> None:
        pieces = [one.raw or _parts(one) for one in few]
        try:
            words = marshal.dumps((pieces, [one.queue for one in few], [one.tag for one in few]))
        except ValueError:
            return
        if len(words) > LONGEST_IN_ROOM and len(few) > 1:
            self._foresee(few[: len(few) // 2])
            self._foresee(few[len(few) // 2 :])
            return
        sheet = self._write(words)
        if sheet is None:
            return
        for place, one in enumerate(few):
            if type(one.headers) is dict and "task" in one.headers:  # protocol 1 says in its body which run it is
                one.place = sheet, place

    def alone(self, run: Run) -> tuple[Sheet, int]:
        """A sheet for this one, and its place in there."""
        words = _words(run)
        sheet = self._write(words) or self._large.write(words, next(self._numbers))
        run.delivery.place = place = sheet, 0
        return place

    def _write(self, words: bytes) -> Sheet | None:
        """None: there is no room of that size. To write where it is mapped is no call to the system, which would let
        other threads have the interpreter."""
        length = len(words)
        try:
            if length > LONGEST_IN_ROOM:
                return None
            at = self._free.pop()
        except IndexError:
            return None
        number = next(self._numbers)
        self._pages[at + HEAD.size : at + HEAD.size + length] = words
        HEAD.pack_into(self._pages, at, number, length)
        return Sheet(at, number, self._free.append)

    @property
    def is_whole(self) -> bool:
        """Whether nobody has closed the file's descriptor."""
        return self._large.is_whole

    def tidy(self) -> None:
        """Give back the memory of large rooms."""
        self._large.tidy()


class SheetReader:
    """Reads the entries of a file's sheets, each sheet once."""

    def __init__(self, fd: int, reopen: Reopen) -> None:
        self._fd = fd
        self._reopen = reopen
        self._read: dict[int, list[Any]] = {}

    def entry(self, at: int, number: int, place: int) -> tuple[Delivery, str, str, int]:
        """The delivery; and its run's id, task and retries. Raises ValueError or LookupError where it is not there."""
        if number not in self._read:
            self._read[number] = self._entries(at, number)
        said, piece, queue, tag = self._read[number][place]
        is_whole = isinstance(piece, str | bytes)
        delivery = self._reopen(_bytes(piece), queue, tag) if is_whole else Delivery(*(queue, *piece, tag))
        if said is None:
            headers = delivery.headers
            said = headers["id"], headers["task"], int(headers.get("retries") or 0)
        return delivery, *said

    def _entries(self, at: int, number: int) -> list[Any]:
        found, length = HEAD.unpack(os.pread(self._fd, HEAD.size, at))
        if found != number:
            raise LookupError(f"sheet {found} is where {number} should be")
        words = os.pread(self._fd, length, at + HEAD.size)
        first, *others = (pickle.loads if words.startswith(_PICKLE) else marshal.loads)(words)
        if isinstance(first, list):
            return list(zip(itertools.repeat(None), first, *others, strict=False))
        return [(first, *others)]


class _LargeRooms:
    """For what is too large for a room, or too many."""

    def __init__(self, fd: int, begin: int) -> None:
        self._fd = fd
        self._inode = os.fstat(fd).st_ino
        self._begin = begin
        self._lock = threading.Lock()
        self._taken = 0
        self._left: deque[int] = deque()
        self._free: list[int] = []
        self._next = begin

    @property
    def is_whole(self) -> bool:
        try:
            return os.fstat(self._fd).st_ino == self._inode
        except OSError:
            return False

    def write(self, words: bytes, number: int) -> Sheet:
        if not self.is_whole:  # the number may be that of a file of the application's now
            raise OSError(errno.EBADF, "a job has closed descriptors that are not its own")
        at = self._take()
        _write(self._fd, words, at + HEAD.size)
        _write(self._fd, HEAD.pack(number, len(words)), at)
        return Sheet(at, number, self._left.append)

    def _take(self) -> int:
        with self._lock:
            self._taken += 1
            if self._free:
                return self._free.pop()
            at, self._next = self._next, self._next + LARGE_ROOM_BYTES
            return at

    def tidy(self) -> None:
        """What nobody reads any more keeps its memory otherwise."""
        if not self._left or not self.is_whole:
            return
        with self._lock:
            while self._left:
                self._free.append(self._left.popleft())
                self._taken -= 1
            if not self._taken:
                os.ftruncate(self._fd, self._begin)
                self._free, self._next = [], self._begin


def _words(run: Run) -> bytes:
    one = run.delivery
    entry = (run.id, run.task, run.retries), one.raw or _parts(one), one.queue, one.tag
    try:
        return marshal.dumps(entry)
    except ValueError:  # a date among the headers, say
        return pickle.dumps(entry)


def _parts(one: Delivery) -> tuple[Any, ...]:
    """Of a message that did not come in one piece: plain values, as they are at hand."""
    return one.headers, one.body, one.content_type, one.content_encoding, one.properties


def _bytes(raw: str | bytes) -> bytes:
    return raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw


def _write(fd: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(fd, data, at)
        data, at = data[written:], at + written
