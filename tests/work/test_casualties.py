"""What becomes of runs whose process is dead: written down, once, and by nobody who must not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pyramid_scheduler import Settings
from pyramid_scheduler.broker.payload import load
from pyramid_scheduler.core.ending import Begun, Cause, Ending
from pyramid_scheduler.core.errors import LedgerUnavailable, UntrustedMessage
from pyramid_scheduler.core.message import Delivery, Message
from pyramid_scheduler.core.run import Outcome, Record, Run, RunState
from pyramid_scheduler.core.task import Task, TaskRegistry
from pyramid_scheduler.crew import Hello, SupervisorHome, portable
from pyramid_scheduler.work import casualties
from pyramid_scheduler.work.casualties import Casualties
from pyramid_scheduler.work.child import Part
from pyramid_scheduler.work.endings import Endings
from pyramid_scheduler.work.journal import Journal
from pyramid_scheduler.work.limits import Deadline
from pyramid_scheduler.work.post import Child
from pyramid_scheduler.work.sheet import ROOM_BYTES
from tests.fleet import wait_for
from tests.work.fakes import begin, delivery


def begun(run_id: str, body: bytes = b"[[], {}, {}]", *, wants_word: bool = True, retries: int = 0) -> Begun:
    message = Message("default", {"id": run_id, "task": "a.b", "lang": "py"}, body)
    return Begun(run_id, "a.b", retries, message, time.time() - 1, wants_word)


def ending(one: Begun, cause: Cause = Cause.LOST, detail: Any = "signal SIGKILL") -> Ending:
    return Ending(one, cause, detail, "w", time.time())


class Registry:
    """Takes endings when it is open; those named in ``unwritable`` never."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.open, self.away, self.unwritable = threading.Event(), False, set[str]()
        self.open.set()

    def reopen(self, raw: bytes, queue: str, tag: Any) -> Delivery:
        return load(raw, queue, tag, False)

    def settle(self, ending: Ending) -> None:
        self.open.wait(30)
        if self.away:
            raise LedgerUnavailable("away")
        if ending.begun.run_id in self.unwritable:
            raise TypeError("it does not fit")
        self.written.append(ending.begun.run_id)


@pytest.fixture
def child() -> Iterator[Child]:
    with Journal() as journal:
        process: Any = SimpleNamespace(exitcode=-9)
        pipe: Any = None
        yield Child(Part("worker", "w"), process, pipe, 0.0, journal)


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Casualties]:
    monkeypatch.setattr(casualties, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(casualties, "FAREWELL_SECONDS", 0.1)
    crowd = Casualties()
    yield crowd
    crowd.close()


def test_one_that_cannot_be_written_down_holds_up_nobody(child: Child, crowd: Casualties) -> None:
    registry = Registry()
    registry.unwritable.add("first")
    for name in ("first", "second"):
        begin(child.journal, delivery(name))
    crowd.collect(child, registry)
    wait_for(lambda: registry.written == ["second"])


def test_a_ledger_that_is_away_is_asked_until_it_is_back(child: Child, crowd: Casualties) -> None:
    registry = Registry()
    registry.away = True
    begin(child.journal, delivery("lost"))
    crowd.collect(child, registry)
    assert registry.written == []
    registry.away = False
    wait_for(lambda: registry.written == ["lost"])


def test_a_ledger_that_lets_one_wait_does_not_keep_the_supervisor(
    child: Child, crowd: Casualties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(casualties, "PATIENCE_SECONDS", 0.05)
    registry = Registry()
    registry.open.clear()
    child.note("late", Deadline(begun("late"), 0.0, 1.0))
    began = time.monotonic()
    crowd.settle_late(child, registry)
    assert time.monotonic() - began < 5
    assert registry.written == []
    registry.open.set()
    wait_for(lambda: registry.written == ["late"])


def test_its_thread_ends_with_it(child: Child, crowd: Casualties) -> None:
    begin(child.journal, delivery("lost"))
    crowd.collect(child, Registry())
    crowd.close()
    assert not any(thread.name == "pscheduler-casualties" for thread in threading.enumerate())


def test_the_end_of_a_run_does_not_undo_that_somebody_asked_for_its_end(child: Child) -> None:
    child.note("limited", Deadline(begun("limited"), 0.0, 1.0))
    child.note("limited", None)
    child.note("ended", Deadline(begun("ended"), 0.0, 1.0, Cause.TERMINATED))
    child.note("ended", None)
    assert [deadline.begun.run_id for deadline in child.late(1.0)] == ["ended"]


@pytest.mark.parametrize("size", [10, 2 * ROOM_BYTES], ids=["short", "large"])
def test_a_run_that_has_ended_and_is_not_crossed_out_is_not_called_lost(
    child: Child, crowd: Casualties, size: int
) -> None:
    registry = Registry()
    runs = [delivery("ended"), delivery("running")]
    for one in runs:
        one.body = b"x" * size
        begin(child.journal, one)
    child.journal.note_end(runs[0])
    child.journal.note_end(delivery("unknown"))
    assert [one.tag for one in crowd.collect(child, registry)] == ["ended", "running"]
    wait_for(lambda: registry.written == ["running"])


# What a supervisor writes


@pytest.fixture
def home(tmp_path: Any) -> Iterator[SupervisorHome]:
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    home = SupervisorHome(Hello(Settings(broker_url=url, ledger_url=url), ("default",), 1))
    home._scheduler.wiring.make_tables()
    yield home
    home.close()


def words(home: SupervisorHome) -> list[str]:
    return [schedule.id for schedule in home._scheduler.ledger.schedules.find()]


def test_a_lost_run_is_recorded_kept_and_told_of_once_however_often_it_is_written(home: SupervisorHome) -> None:
    lost = ending(begun("lost"))
    home.settle(lost)
    home.settle(lost)
    ledger = home._scheduler.ledger
    record, parked = ledger.history.outcome("lost"), ledger.parked.get("lost")
    assert record is not None
    assert parked is not None
    assert (record.state, parked.state, len(words(home))) == ("failed", RunState.FAILED, 1)
    assert "SIGKILL" in parked.reason


def test_a_run_that_has_said_how_it_ended_is_not_called_lost(home: SupervisorHome) -> None:
    history = home._scheduler.ledger.history
    history.settle([Record("r", "r", "async", "default", "a.b", RunState.SUCCEEDED, "w", 0.0, 0.1)], [], [])
    home.settle(ending(begun("r")))
    assert home._scheduler.ledger.parked.get("r") is None
    assert words(home) == []


def test_a_message_too_large_to_be_told_of_is_kept_all_the_same(home: SupervisorHome) -> None:
    home.settle(ending(begun("large", b"x" * 3_500_000)))
    parked = home._scheduler.ledger.parked.get("large")
    assert parked is not None
    assert len(parked.message.body) == 3_500_000
    assert len(words(home)) == 1


def test_runs_whose_messages_have_their_ids_in_the_body_are_kept_apart(home: SupervisorHome) -> None:
    for name in ("one", "two"):
        home.settle(ending(Begun(name, "a.b", 0, Message("default", {}, b"{}"), 0.0)))
    assert all(home._scheduler.ledger.parked.get(name) for name in ("one", "two"))


def test_a_supervisor_need_not_know_the_serializer_that_the_applications_tasks_register(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    settings = portable(Settings(broker_url=url, ledger_url=url, serializer="nobody-registers-it-here"))
    home = SupervisorHome(Hello(settings, ("default",), 1))
    home._scheduler.wiring.make_tables()
    home.settle(ending(begun("lost")))

    assert len(words(home)) == 1
    home.close()


# Telling the task


class Trusting:
    """Opens what it is given; whether it trusts it is said by a header."""

    def open(self, one: Delivery) -> Run:
        return Run(one.headers["id"], "told", (), {}, one.headers, one, {}, bool(one.headers.get("trusted")))


@pytest.mark.parametrize(("run_is_signed", "word_is_signed"), [(True, False), (True, True), (False, False)])
def test_an_unsigned_word_says_nothing_of_a_signed_run(run_is_signed: bool, word_is_signed: bool) -> None:
    told: list[Outcome] = []
    tasks = TaskRegistry()
    tasks.add(Task("told", print, ended=lambda run, outcome: told.append(outcome)))
    sealer: Any = Trusting()
    message = Message("q", {"id": "r", "trusted": run_is_signed}, b"").to_json()
    word = Run("w", "x", (message, "WorkerLost", "a signal", "why"), {}, {}, delivery("w"), {}, word_is_signed)
    if run_is_signed and not word_is_signed:
        with pytest.raises(UntrustedMessage):
            Endings(sealer, tasks).read(word)
        assert told == []
    else:
        Endings(sealer, tasks).read(word)
        assert [outcome.state for outcome in told] == [RunState.FAILED]
