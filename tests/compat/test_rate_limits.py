"""Tasks with a rate limit: each run has a turn of its own, and nobody waits behind it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat.contrib.testing.worker import start_worker
from compat.exceptions import ImproperlyConfigured, Reject
from compat.worker.embedding import embed
from compat.worker.turns import Turns, check_rates
from pyramid_scheduler.api import Message
from tests.fleet import wait_for

SECONDS = 10


@pytest.fixture
def started() -> list[float]:
    return []


@pytest.fixture
def limited(app: Any, started: list[float]) -> Any:
    @app.task(name="limited", rate_limit="6/m", soft_time_limit=1, lazy=False, bind=True)
    def limited(self: Any, word: str) -> str:
        started.append(time.time())
        if word == "fussy" and not self.request.delivery_info["redelivered"]:
            raise Reject(requeue=True)
        if word == "flaky" and not self.request.retries:
            raise self.retry(countdown=0)
        return word

    return limited


@pytest.fixture
def worker(app: Any, limited: Any) -> Iterator[Any]:
    with start_worker(app, perform_ping_check=False) as started:
        yield started


def due(app: Any, result: Any) -> float:
    """When it runs that waits for its turn."""
    stored = wait_for(lambda: app.pipeline.scheduler.ledger.schedules.get(result.id), what="its place in the ledger")
    return float(stored.next_fire_at)


def test_those_beyond_the_limit_wait_in_the_ledger_each_for_a_turn_of_its_own(
    app: Any, limited: Any, worker: Any, started: list[float]
) -> None:
    @app.task(lazy=False)
    def add(x: int, y: int) -> int:
        return x + y

    first, *others = [limited.delay(str(n)) for n in range(4)]

    assert add.delay(3, 4).get(timeout=SECONDS) == 7
    assert first.get(timeout=SECONDS) == "0"
    turns = [due(app, one) for one in others]
    assert [round(later - sooner) for sooner, later in pairwise([started[0], *turns])] == [10, 10, 10]
    assert len(started) == 1


def test_messages_of_protocol_1_have_a_turn_of_their_own_each(app: Any, limited: Any, worker: Any) -> None:
    app.conf.task_protocol = 1
    first, second, third = [limited.delay(str(n)) for n in range(3)]

    assert first.get(timeout=SECONDS) == "0"
    assert round(due(app, third) - due(app, second)) == 10


@pytest.mark.parametrize("per_second", [5, 20], ids=["in the ledger", "in the worker"])
def test_a_turn_comes_when_it_is_due(
    app: Any, limited: Any, worker: Any, started: list[float], per_second: int
) -> None:
    app.control.rate_limit("limited", f"{per_second}/s", reply=True, timeout=SECONDS, limit=1)

    results = [limited.delay(str(n)) for n in range(4)]

    assert [one.get(timeout=SECONDS) for one in results] == ["0", "1", "2", "3"]
    assert started[-1] - started[0] >= 3 / per_second - 0.02


def test_no_turn_waits_for_the_time_that_was_when_the_clock_is_put_back(
    app: Any, limited: Any, mocker: MockerFixture
) -> None:
    scheduler = app.pipeline.scheduler
    put_back = mocker.patch.object(scheduler.clock, "time", create=True)
    mocker.patch.object(scheduler.sealer, "reseal", return_value=Message("q", {"id": "one", "task": "limited"}, b""))
    gate, run = Turns(app).gate(limited), mocker.Mock(task="limited", headers={})
    assert gate is not None
    put_back.return_value = 1_800_003_600.0
    assert gate(run) is None
    put_back.return_value = 1_800_000_000.0
    outcome = gate(run)
    assert outcome is not None
    assert outcome.later[0].due_at == pytest.approx(1_800_000_010.0, abs=5)


@pytest.mark.parametrize("word", ["flaky", "fussy"])
def test_what_runs_again_waits_for_another_turn(
    app: Any, limited: Any, worker: Any, started: list[float], word: str
) -> None:
    limited.acks_late = True
    result = limited.delay(word)

    assert round(due(app, result) - started[0]) == 10
    assert len(started) == 1


def test_a_revocation_reaches_what_waits_for_its_turn(app: Any, limited: Any, worker: Any) -> None:
    limited.delay("first")
    second = limited.delay("second")
    due(app, second)

    second.revoke()

    wait_for(lambda: second.backend.get_task_meta(second.id, cache=False)["status"] == "REVOKED")


def test_a_limit_that_is_changed_holds_from_then_on(app: Any, limited: Any, worker: Any) -> None:
    limited.delay("first")
    due(app, limited.delay("second"))

    app.control.rate_limit("limited", "0", reply=True, timeout=SECONDS, limit=1)

    assert [limited.delay(str(n)).get(timeout=SECONDS) for n in range(3)] == ["0", "1", "2"]


@pytest.mark.parametrize("limit", ["10/x", "ten/m", " 10/m ", "nan", [1]], ids=repr)
def test_a_limit_that_cannot_be_read_keeps_all_of_a_worker_from_starting_and_is_named(app: Any, limit: Any) -> None:
    @app.task(name="hasty", lazy=False, rate_limit=limit)
    def hasty() -> None: ...

    words = re.escape("the rate_limit of task hasty (its own, or task_default_rate_limit, or task_annotations)")
    for speaks in (True, False):
        with pytest.raises(ImproperlyConfigured, match=words):
            embed(app, {"pool": "prefork"}, "celery@here", speaks=speaks)
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"{limit!r}; write it as")):
        app.Worker().start()
    embed(app, {}, "celery@here", speaks=False)  # beat
    app.conf.worker_disable_rate_limits = True
    check_rates(app)


def test_a_limit_that_becomes_unreadable_is_told_and_the_messages_of_its_task_run(
    app: Any, limited: Any, worker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    limited.rate_limit = "10/x"

    assert [limited.delay(str(n)).get(timeout=SECONDS) for n in range(2)] == ["0", "1"]
    assert caplog.text.count("the rate_limit of task limited") == 1


@pytest.mark.parametrize("limit", [-1, "-5/m", "inf", 0, "0", None])
def test_a_limit_of_nothing_and_one_without_end_let_all_through(app: Any, limited: Any, limit: Any) -> None:
    limited.rate_limit = limit
    assert Turns(app).gate(limited) is None
