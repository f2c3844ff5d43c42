"""One behaviour suite over every database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pytest_mock import MockerFixture

from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.errors import LedgerUnavailable, SchemaMismatch
from pyramid_scheduler.core.kind import JobKind
from pyramid_scheduler.core.message import Message
from pyramid_scheduler.core.run import LiveWorker, Parked, Record, RunState
from pyramid_scheduler.core.schedule import Addition, Advance, Fire, Schedule, ScheduleState
from pyramid_scheduler.database import Database
from pyramid_scheduler.ledger import schedules
from pyramid_scheduler.ledger.ledger import SqlLedger, open_ledger
from pyramid_scheduler.ledger.tables import metadata
from tests import servers
from tests.fleet import at_once, wait_for
from tests.moved_clock import MovedClock

MESSAGE = Message("queue", {"id": "m", "task": "a.b", "day": date(2026, 5, 1)}, b"\x00[]")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The URL of a database of that kind, its tables made once: that takes longer than most tests."""
    with ExitStack() as stack:

        @cache
        def make(kind: str) -> str:
            url = stack.enter_context(servers.fresh_database(kind, tmp_path_factory.mktemp(kind)))
            ledger = open_ledger(url, SystemClock(), embedded=False)
            ledger.upgrade()
            ledger.close()
            return url

        yield make


@pytest.fixture(params=servers.DATABASES)
def ledger_url(request: pytest.FixtureRequest, made: Callable[[str], str]) -> Iterator[str]:
    """Tables of the ledger, empty."""
    url = made(request.param)
    yield url
    database = Database(url, LedgerUnavailable)
    database.write(lambda connection: [connection.execute(sa.delete(table)) for table in metadata.sorted_tables])
    database.close()


@pytest.fixture
def open_again(ledger_url: str) -> Iterator[Callable[[], SqlLedger]]:
    ledgers: list[SqlLedger] = []

    def make() -> SqlLedger:
        ledgers.append(open_ledger(ledger_url, SystemClock(), embedded=False))
        return ledgers[-1]

    yield make
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(open_again: Callable[[], SqlLedger]) -> SqlLedger:
    ledger = open_again()
    ledger.open()
    return ledger


def schedule(id_: str, due: float | None = None, **more: Any) -> Schedule:
    due = time.time() - 1 if due is None else due
    given = {"kind": JobKind.INTERVAL, "queue": "queue", "task": "a.b", "trigger": {"type": "interval", "seconds": 5}}
    return Schedule(id=id_, message=MESSAGE, next_fire_at=due, due_at=due, created_at=time.time(), **{**given, **more})


def record(run_id: str, state: RunState = RunState.SUCCEEDED, **more: Any) -> Record:
    return Record(run_id, run_id, "async", "queue", "a.b", state, "w", time.time(), 0.1, **more)


def test_a_schedule_is_stored_as_it_was(ledger: SqlLedger) -> None:
    one = schedule("one", name="x", coalesce=False, max_instances=2, misfire_grace_seconds=9.5, declared=True)
    assert ledger.schedules.add([one]) == [Addition.CREATED]
    assert ledger.schedules.get("one") == one
    assert ledger.schedules.find(declared=True) == [one]
    assert ledger.schedules.find(queue="other") == []


def test_all_are_read_some_at_a_time_each_once_next_to_fire_first(ledger: SqlLedger, mocker: MockerFixture) -> None:
    mocker.patch.object(schedules, "PAGE", 3)
    read = mocker.spy(schedules, "schedule_of")
    due = {"c": 5.0, "e": 7.5, "a": 7.5, "b": 7.5, "d": 7.5, "f": 9.0}
    paused = [schedule(id_, 1.0) for id_ in "yxwv"]
    elsewhere = schedule("g", 6.0, queue="other")
    ledger.schedules.add([*(schedule(id_, at) for id_, at in due.items()), *paused, elsewhere])
    for one in paused:
        ledger.schedules.pause(one.id)
    read.reset_mock()

    each = ledger.schedules.each("queue")
    assert (next(each).id, read.call_count) == ("c", 3)
    assert [one.id for one in each] == [*"abdefvwxy"]
    assert sorted(one.id for one in ledger.schedules.each()) == [*"abcdefgvwxy"]
    assert list(ledger.schedules.each("nowhere")) == []


def test_what_the_stored_ones_run_is_told_without_reading_them_all(ledger: SqlLedger) -> None:
    ledger.schedules.add([replace(schedule(id_), task=task) for id_, task in (("b", "x.y"), ("a", "x.y"), ("c", "z"))])
    assert ledger.schedules.tasks() == {"x.y": (2, "a"), "z": (1, "c")}


def test_an_id_that_is_taken_is_left_alone_or_replaced_as_asked(ledger: SqlLedger) -> None:
    first = schedule("one", due=5000.0)
    ledger.schedules.add([first])
    assert ledger.schedules.add([schedule("one")]) == [Addition.EXISTS]
    again = schedule("one", due=9000.0, name="new", replace_existing=True)
    assert ledger.schedules.add([again]) == [Addition.REPLACED]
    stored = ledger.schedules.get("one")
    assert stored is not None
    assert (stored.name, stored.next_fire_at) == ("new", 5000.0)
    other_times = replace(again, trigger={"type": "interval", "seconds": 6})
    ledger.schedules.add([other_times])
    assert ledger.schedules.get("one").next_fire_at == 9000.0  # type: ignore[union-attr]


def test_calls_of_one_id_for_other_times_are_kept_and_one_that_comes_twice_once(ledger: SqlLedger) -> None:
    def call(eta: str, kind: JobKind = JobKind.ASYNC, **headers: Any) -> Schedule:
        message = replace(MESSAGE, headers={**MESSAGE.headers, "id": "one", "eta": eta, **headers})
        return replace(schedule("one", kind=kind, trigger={"type": "date", "at": eta}), message=message)

    times = [f"2030-01-01T00:00:0{second}+00:00" for second in range(3)]
    add = ledger.schedules.add
    assert add([call(times[0])]) == [Addition.CREATED]
    assert add([call(times[1]), call(times[2])]) == [Addition.CREATED] * 2
    assert add([call(eta) for eta in times]) == [Addition.EXISTS] * 3
    assert add([call("2031-01-01T00:00:00+00:00", retries=1)]) == [Addition.EXISTS]
    assert add([call("2031-01-01T00:00:00+00:00", JobKind.DATE)]) == [Addition.EXISTS]
    assert {one.message.id for one in ledger.schedules.find()} == {"one"}


def test_of_many_who_store_the_same_at_once_one_creates_it(open_again: Callable[[], SqlLedger]) -> None:
    same = [schedule(f"s{n}", replace_existing=True) for n in range(3)]
    ledgers = [open_again() for _ in range(8)]
    for ledger in ledgers:
        ledger.open()  # and is connected

    stored = at_once([partial(ledger.schedules.add, same) for ledger in ledgers])

    for additions in zip(*stored, strict=True):
        assert sorted(additions) == [Addition.CREATED, *[Addition.REPLACED] * 7]
    assert len(ledgers[0].schedules.find()) == 3


def test_a_paused_schedule_is_not_due_and_stays_paused_when_replaced(ledger: SqlLedger) -> None:
    ledger.schedules.add([schedule("one")])
    assert ledger.schedules.pause("one")
    assert ledger.schedules.next_fire_at() is None
    ledger.schedules.add([schedule("one", replace_existing=True)])
    assert ledger.schedules.get("one").state is ScheduleState.PAUSED  # type: ignore[union-attr]
    assert ledger.schedules.resume("one", 7000.0)
    assert ledger.schedules.next_fire_at() == 7000.0
    assert not ledger.schedules.pause("other")


def test_resuming_what_is_active_leaves_its_next_time_alone(ledger: SqlLedger) -> None:
    ledger.schedules.add([schedule("one", due=5000.0)])
    assert ledger.schedules.resume("one", 7000.0)
    assert ledger.schedules.get("one").next_fire_at == 5000.0  # type: ignore[union-attr]
    assert not ledger.schedules.resume("other", 7000.0)


def test_a_paused_schedule_that_has_no_next_time_ends_when_it_is_resumed(ledger: SqlLedger) -> None:
    ledger.schedules.add([schedule("one")])
    ledger.schedules.pause("one")
    assert ledger.schedules.resume("one", None)
    assert ledger.schedules.get("one").state is ScheduleState.ENDED  # type: ignore[union-attr]
    with ledger.schedules.due(time.time() + 1, 10) as batch:
        assert [one.id for one in batch.schedules] == ["one"]


def test_due_schedules_are_advanced_or_removed_together(ledger: SqlLedger) -> None:
    ledger.schedules.add([schedule("go"), schedule("end"), schedule("gone"), schedule("later", due=time.time() + 99)])
    with ledger.schedules.due(time.time(), 10) as batch:
        assert {one.id for one in batch.schedules} == {"go", "end", "gone"}
        fire = Fire("go@1", "go", 1.0, MESSAGE)
        batch.write([Advance("go", 8000.0, 8000.0, 1.0), Advance("end", None, None, 1.0)], [fire], ["gone"])
    assert ledger.schedules.get("go").next_fire_at == 8000.0  # type: ignore[union-attr]
    assert ledger.schedules.get("end").state is ScheduleState.ENDED  # type: ignore[union-attr]
    assert ledger.schedules.get("gone") is None
    with ledger.schedules.due(time.time(), 10) as batch:
        assert batch.open_runs(["go", "end"]) == {"go": 1}
    ledger.history.settle([record("go@1", due_at=1.0)], [], [])
    with ledger.schedules.due(time.time(), 10) as batch:
        assert batch.open_runs(["go", "end"]) == {}


def test_nothing_is_advanced_when_publishing_failed(ledger: SqlLedger) -> None:
    ledger.schedules.add([schedule("one", due=5.0)])

    def fail() -> None:
        with ledger.schedules.due(time.time(), 10) as batch:
            batch.write([Advance("one", 9.0)], [Fire("one@5", "one", 5.0, MESSAGE)], [])
            raise ConnectionError("the broker is away")

    with pytest.raises(ConnectionError):
        fail()
    assert ledger.schedules.get("one").next_fire_at == 5.0  # type: ignore[union-attr]


def test_competing_timekeepers_take_every_row_once(open_again: Callable[[], SqlLedger]) -> None:
    open_again().schedules.add([schedule(f"s{n}") for n in range(400)])
    taken: list[str] = []

    def take() -> None:
        mine = open_again()
        while mine.schedules.next_fire_at() is not None:
            try:
                with mine.schedules.due(time.time(), 20) as batch:
                    ids = [one.id for one in batch.schedules]
                    batch.write([], [], ids)
            except LedgerUnavailable:  # MariaDB found a deadlock: nothing was written, and a timekeeper tries again
                continue
            taken.extend(ids)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == sorted(f"s{n}" for n in range(400))


def test_of_two_publications_of_one_fire_the_first_that_is_taken_runs(open_again: Callable[[], SqlLedger]) -> None:
    one, other = open_again(), open_again()
    assert one.runs.claim([("s@1", "first")]) == {"first"}
    assert other.runs.claim([("s@1", "second"), ("s@2", "third")]) == {"third"}
    assert one.runs.claim([("s@1", "first")]) == {"first"}


def test_two_publications_that_are_taken_at_once_agree_on_one(open_again: Callable[[], SqlLedger]) -> None:
    results: list[set[str]] = []
    barrier = threading.Barrier(4)

    def claim(n: int) -> None:
        ledger = open_again()
        barrier.wait()
        results.append(ledger.runs.claim([(f"s@{run}", f"{run}-{n}") for run in range(50)]))

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    allowed = [token for result in results for token in result]
    assert sorted(int(token.partition("-")[0]) for token in allowed) == list(range(50))


def test_settling_twice_is_settling_once(ledger: SqlLedger) -> None:
    parked = Parked("bad", MESSAGE, RunState.PARKED, "why", "trace", 1.0)
    later = Schedule.once(Message("q", {"id": "l", "task": "a.b"}, b"x"), time.time() + 99, time.time())
    told: list[Addition] = []
    for _ in range(2):
        ledger.history.settle([record("r")], [parked], [later], lambda schedule, addition: told.append(addition))
    assert told == [Addition.CREATED, Addition.EXISTS]
    assert len(ledger.history.find()) == 1
    assert ledger.parked.find() == [parked]


def test_a_retried_run_has_no_outcome_until_its_last_attempt(ledger: SqlLedger) -> None:
    ledger.history.settle([record("r", RunState.RETRIED)], [], [])
    assert ledger.history.outcome("r") is None
    ledger.history.settle([record("r", RunState.FAILED, retries=1, error="x")], [], [])
    assert ledger.history.outcome("r").retries == 1  # type: ignore[union-attr]


def test_a_run_is_done_when_it_or_a_later_attempt_has_an_outcome_be_it_a_retry(ledger: SqlLedger) -> None:
    made_at = time.time()
    ledger.history.settle([record("r", RunState.RETRIED), record("r", RunState.RETRIED, retries=1)], [], [])

    assert [ledger.history.is_done("r", retries, made_at) for retries in range(3)] == [True, True, False]
    assert not ledger.history.is_done("other", 0, made_at)


def test_what_came_of_a_run_says_nothing_of_a_later_one_that_has_its_id(ledger: SqlLedger) -> None:
    attempts = [record("r", RunState.RETRIED), record("r", RunState.FAILED, retries=1)]
    ledger.history.settle(attempts, [], [])
    made_at = time.time() + 3600
    ledger.history.begin_again("r", 0.0)
    later = replace(record("r"), started_at=made_at + 1)

    assert not ledger.history.is_done("r", 0, made_at)
    assert ledger.history.begin_again("r", made_at) == 0
    ledger.history.settle([later], [], [])
    assert ledger.history.is_done("r", 0, made_at)
    assert ledger.history.outcome("r") == later


def test_text_from_strangers_is_made_to_fit(ledger: SqlLedger) -> None:
    strange = "\0\ud800" + "x" * 5000
    message = Message("q" * 300, {"id": strange, "task": strange}, b"\xff\x00")
    ledger.history.settle([record(strange, error=strange)], [Parked(strange, message, RunState.PARKED, strange)], [])
    [kept] = ledger.parked.find()
    assert kept.message.body == b"\xff\x00"
    assert ledger.parked.get(strange) is not None
    assert ledger.history.outcome(strange) is not None
    assert ledger.runs.claim([(strange, strange)]) == {strange}
    assert ledger.runs.claim([(strange, f"{strange}y")]) == set()


def test_restarts_are_counted_and_forgotten_when_a_kept_message_is_taken(ledger: SqlLedger) -> None:
    assert [ledger.history.begin_again("r", 0.0) for _ in range(3)] == [0, 1, 2]
    ledger.history.settle([record("r", RunState.FAILED)], [Parked("r", MESSAGE, RunState.FAILED, "x")], [])
    with ledger.parked.take("r") as taken:
        assert taken is not None
    assert ledger.parked.get("r") is None
    assert ledger.history.outcome("r") is None
    assert ledger.history.begin_again("r", 0.0) == 0
    with ledger.parked.take("r") as taken:
        assert taken is None


def test_a_kept_message_stays_kept_when_publishing_it_failed(ledger: SqlLedger) -> None:
    ledger.history.settle([], [Parked("r", MESSAGE, RunState.FAILED, "x")], [])

    def fail() -> None:
        with ledger.parked.take("r"):
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert ledger.parked.get("r") is not None


def test_a_cancel_is_seen_by_others_soon_and_covers_what_was_created_before(
    open_again: Callable[[], SqlLedger],
) -> None:
    one, other = open_again(), open_again()
    one.schedules.add([schedule("stored")])
    assert not other.cancellations.covers("stored")
    assert one.cancellations.add("stored")
    assert not one.cancellations.add("unknown")
    wait_for(lambda: other.cancellations.covers("stored"), seconds=1)
    assert other.cancellations.covers("unknown", time.time() - 10)
    assert not other.cancellations.covers("unknown", time.time() + 10)
    assert one.schedules.get("stored").state is ScheduleState.CANCELED  # type: ignore[union-attr]
    assert one.schedules.add([schedule("unknown", declared=True)]) == [Addition.CREATED]
    late = replace(schedule("late"), created_at=time.time() - 60)
    one.cancellations.add("late")
    assert one.schedules.add([late]) == [Addition.CANCELED]


def test_a_sleeping_timekeeper_is_woken_by_a_new_schedule(open_again: Callable[[], SqlLedger]) -> None:
    sleeper, other = open_again(), open_again()
    sleeper.schedules.wait(0.01)
    threading.Timer(0.2, lambda: other.schedules.add([schedule("new")])).start()
    deadline = time.monotonic() + 5
    while sleeper.schedules.next_fire_at() is None:
        assert time.monotonic() < deadline
        sleeper.schedules.wait(5)


def test_old_rows_are_dropped_and_what_could_not_be_read_is_not(ledger: SqlLedger) -> None:
    old = replace(record("old"), started_at=0.0)
    unreadable = Parked("unreadable", MESSAGE, RunState.PARKED, "x", "", 0.0)
    failed = Parked("failed", MESSAGE, RunState.FAILED, "x", "", 0.0)
    ledger.history.settle([old, record("new")], [unreadable, failed], [])
    counts = ledger.prune(3600.0)
    assert counts["ps_outcome"] == 1
    assert [one.run_id for one in ledger.history.find()] == ["new"]
    assert [one.id for one in ledger.parked.find()] == ["unreadable"]


def fire(ledger: SqlLedger) -> None:
    """One run of a schedule that is due every second."""
    ledger.schedules.add([schedule("one")])
    with ledger.schedules.due(time.time(), 10) as batch:
        batch.write([Advance("one", 5.0, 5.0)], [Fire("one@1", "one", 1.0, MESSAGE)], [])


def open_runs(ledger: SqlLedger) -> int:
    with ledger.schedules.due(time.time(), 10) as batch:
        return batch.open_runs(["one"]).get("one", 0)


HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("age", "history", "left"), [(23 * HOUR, HOUR, 1), (25 * HOUR, HOUR, 0), (2 * DAY, 3 * DAY, 1)]
)
def test_a_run_that_never_settles_is_open_for_a_day_or_as_long_as_outcomes_are_kept(
    ledger: SqlLedger, ledger_url: str, age: float, history: float, left: int
) -> None:
    fire(ledger)
    later = open_ledger(ledger_url, MovedClock(age), embedded=False)
    later.prune(history)
    assert open_runs(later) == left
    later.close()


def test_a_run_whose_message_is_parked_is_not_open_until_it_is_retried(ledger: SqlLedger) -> None:
    fire(ledger)
    ledger.history.settle([], [Parked("one@1", MESSAGE, RunState.PARKED, "it cannot be trusted")], [])
    assert open_runs(ledger) == 0
    with ledger.parked.take("one@1"):
        pass
    assert open_runs(ledger) == 1


def test_live_workers_are_listed_until_they_leave(ledger: SqlLedger) -> None:
    worker = LiveWorker("w", ("a", "b"), "worker", 1.0)
    ledger.presence.beat([worker])
    ledger.presence.beat([worker])
    assert ledger.presence.find() == [worker]
    ledger.presence.leave(["w"])
    assert ledger.presence.find() == []


def test_an_empty_database_names_the_command_that_makes_the_tables(database_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="pscheduler db upgrade"):
        open_ledger(database_url, SystemClock(), embedded=False).open()


def test_the_embedded_default_makes_its_tables_and_several_may_do_so_at_once(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    ledgers = [open_ledger(url, SystemClock(), embedded=True) for _ in range(4)]
    threads = [threading.Thread(target=ledger.open) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {ledger.version() for ledger in ledgers} == {"0001"}


def test_a_dead_server_is_an_error_within_two_seconds() -> None:
    started = time.monotonic()
    with pytest.raises(LedgerUnavailable) as caught:
        open_ledger("postgresql+psycopg://u:geheim@127.0.0.1:9/x", SystemClock(), embedded=False).schedules.find()
    assert time.monotonic() - started < 2
    assert "geheim" not in str(caught.value)


def test_many_who_open_a_new_sqlite_file_at_once_all_get_in(tmp_path: Path) -> None:
    for number in range(60):  # a collision is a matter of luck: less than one in ten
        databases = [Database(f"sqlite:///{tmp_path}/{number}.sqlite", LedgerUnavailable) for _ in range(8)]
        at_once([partial(database.read, _look) for database in databases])


def _look(connection: sa.Connection) -> Any:
    return connection.scalar(sa.text("SELECT 1"))


def test_several_first_starts_at_once_make_the_tables_once(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pyramid_scheduler")
    ledgers = [open_ledger(database_url, SystemClock(), embedded=False) for _ in range(6)]
    assert at_once([ledger.upgrade for ledger in ledgers]) == ["0001"] * 6
    assert caplog.messages.count("the ledger's tables are now of version 0001") == 1
    for ledger in ledgers:
        ledger.close()
