"""Between a child and its supervisor: what a descriptor that is shared must not do to the pipe."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from pyramid_scheduler.work.child import Line, Part
from pyramid_scheduler.work.journal import Journal
from pyramid_scheduler.work.post import Child
from tests.fleet import no_descriptor_left

WAIT_SECONDS = 5.0


def hang_up(fd: int, begun: Any, doubtful: Any) -> None:
    pass


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    """The supervisor's, and the child's."""
    ours, theirs = Pipe()
    yield ours, theirs
    for end in (ours, theirs):
        end.close()


@pytest.fixture
def child(ends: tuple[Connection, Connection]) -> Iterator[Child]:
    with Journal() as journal:
        one = Child(Part("worker", "w1"), None, ends[0], time.monotonic(), journal)
        yield one
        one.hang_up([])


@pytest.fixture
def line(ends: tuple[Connection, Connection]) -> Line:
    return Line(ends[1])


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "shared").open("w") as file:
        yield file.fileno()


def heard(child: Child) -> list[Any]:
    """What there is to hear; not waited for."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend(child.hear()), daemon=True)
    thread.start()
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    return found


def test_a_connection_comes_between_what_else_is_said(child: Child, line: Line, file: int) -> None:
    line.leave(1)
    assert line.share(file, hang_up)
    line.leave(2)
    assert heard(child) == [("leave", 1), ("leave", 2)]
    assert child.connection is not None
    assert os.path.sameopenfile(child.connection[0], file)


def test_who_is_stopped_before_its_connection_follows_stops_nobody_else(
    child: Child, ends: tuple[Connection, Connection], file: int
) -> None:
    ends[1].send(("connection", hang_up))
    assert heard(child) == []
    socket.send_fds(socket.socket(fileno=os.dup(ends[1].fileno())), [b"\0"], [file])
    assert heard(child) == []
    assert child.connection is not None


def test_who_dies_before_its_connection_follows_is_heard_no_more(
    child: Child, ends: tuple[Connection, Connection]
) -> None:
    ends[1].send(("connection", hang_up))
    ends[1].close()
    assert heard(child) == []
    assert child.pipe.closed


def test_a_child_that_has_no_descriptor_left_shares_its_connection(child: Child, line: Line, file: int) -> None:
    with no_descriptor_left():
        assert line.share(file, hang_up)
    line.leave(1)
    assert heard(child) == [("leave", 1)]
    assert child.connection is not None


def test_a_supervisor_that_has_no_descriptor_left_goes_without_the_connection_and_hears_the_rest(
    child: Child, line: Line, file: int, caplog: pytest.LogCaptureFixture
) -> None:
    line.share(file, hang_up)
    line.leave(1)
    with no_descriptor_left(), caplog.at_level(logging.WARNING):
        assert list(child.hear()) == [("leave", 1)]
    assert child.connection is None
    assert "no room is left" in caplog.text


def test_a_connection_that_cannot_be_sent_keeps_nothing_else_from_being_heard(child: Child, line: Line) -> None:
    closed = os.dup(0)
    os.close(closed)
    assert not line.share(closed, hang_up)
    line.leave(1)
    assert heard(child) == [("leave", 1)]
    assert child.connection is None


def test_an_application_that_sets_a_timeout_for_its_sockets_sets_none_for_the_pipe(
    child: Child, line: Line, ends: tuple[Connection, Connection], file: int
) -> None:
    socket.setdefaulttimeout(1.0)
    try:
        line.share(file, hang_up)
        heard(child)
    finally:
        socket.setdefaulttimeout(None)
    assert [os.get_blocking(end.fileno()) for end in ends] == [True, True]
