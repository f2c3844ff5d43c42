"""A thread's own connection to Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler.broker.transports.redis_connecting import connect
from pyramid_scheduler.broker.transports.redis_line import MOST_UNHEARD, Line
from pyramid_scheduler.core.errors import SoftTimeLimitExceeded
from tests import servers


@pytest.fixture
def line() -> Iterator[Line]:
    servers.require("redis")
    line = Line(connect(f"{servers.REDIS_URL}/1", {}))
    yield line
    line.close()


def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next_one(line: Line) -> None:
    for n in range(MOST_UNHEARD + 5):
        line.say("ECHO", f"said{n}")
    assert line.run("ECHO", "asked") == b"asked"
    assert line.run_once("ECHO", "once") == b"once"


def test_after_a_time_limit_in_the_middle_the_next_answer_is_its_own(line: Line, mocker: MockerFixture) -> None:
    line.run("PING")
    mocker.patch.object(line._connection, "read_response", side_effect=SoftTimeLimitExceeded("too long"))
    with pytest.raises(SoftTimeLimitExceeded):
        line.run("ECHO", "lost")
    assert line.run("ECHO", "mine") == b"mine"


@pytest.mark.parametrize("method", ["run", "say"])
def test_a_connection_that_broke_is_replaced_with_the_call_after_the_error(line: Line, method: str) -> None:
    line.run("PING")
    line._connection._sock.close()
    with pytest.raises(OSError):
        getattr(line, method)("PING")
    assert line.run("ECHO", "again") == b"again"


def test_without_hiredis_it_says_the_same(line: Line, mocker: MockerFixture) -> None:
    mocker.patch("pyramid_scheduler.broker.transports.redis_line.pack_command", None)
    assert line.run("ECHO", "ä") == "ä".encode()
    line.say("PING")
    assert line.run_once("ECHO", b"\x00") == b"\x00"
