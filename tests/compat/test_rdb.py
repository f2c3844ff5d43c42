"""The debugger that waits in a task."""

from __future__ import annotations

import socket
import threading
from queue import Queue
from typing import Any

import pytest

from compat.contrib import rdb


class _Said:
    """Where a debugger speaks; each line is there to wait for."""

    def __init__(self) -> None:
        self.lines: Queue[str] = Queue()

    def write(self, text: str) -> None:
        if text.strip():
            self.lines.put(text)


def _visit(said: _Said, *commands: str) -> str:
    """What a visitor reads who comes when the debugger is ready."""
    where = said.lines.get(timeout=60).split("telnet ")[1].split()
    with socket.create_connection((where[0], int(where[1])), 60) as visitor, visitor.makefile("rw") as file:
        for command in commands:
            file.write(f"{command}\n")
        file.flush()
        return file.read()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("last_word", ["exit", "continue"])
def test_a_visitor_looks_around_in_a_task_and_lets_it_go_on(monkeypatch: Any, last_word: str) -> None:
    said, seen, made = _Said(), [], rdb.Rdb
    monkeypatch.setattr(rdb, "_current", [None])
    monkeypatch.setattr(rdb, "Rdb", lambda: made(port=_free_port(), out=said))

    def visit() -> None:
        seen.append(_visit(said, "p answer + 1", last_word))

    def task() -> int:
        answer = 41
        rdb.set_trace()
        return answer

    visitor = threading.Thread(target=visit, daemon=True)
    visitor.start()
    assert task() == 41
    visitor.join(60)
    assert "42" in seen[0]


def test_the_next_free_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sock, found = rdb.Rdb.get_avail_port(rdb.Rdb.__new__(rdb.Rdb), "127.0.0.1", port)
        with sock:
            assert found > port


def test_no_free_port_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(Exception, match="CELERY_RDB_PORT"):
        rdb.Rdb.get_avail_port(rdb.Rdb.__new__(rdb.Rdb), "127.0.0.1", rdb.DEFAULT_PORT, search_limit=0)
