"""A worker and what goes wrong around it: the broker, the ledger, its jobs."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.ending import Begun
from pyramid_scheduler.core.errors import BrokerUnavailable, LedgerUnavailable
from pyramid_scheduler.core.message import Delivery
from pyramid_scheduler.core.run import Outcome, Run, RunState
from pyramid_scheduler.work.early_acks import EarlyAcks
from pyramid_scheduler.work.journal import Journal
from pyramid_scheduler.work.lifespan import Lifespan
from pyramid_scheduler.work.settler import BATCH
from pyramid_scheduler.work.worker import EXIT_RECYCLE, EXIT_STOPPED, IDLE_WAIT_SECONDS
from tests.fleet import wait_for
from tests.work.fakes import FakeSource, Workshop, delivery

Make = Callable[..., Workshop]


def none_alive(shop: Workshop) -> bool:
    return not any(thread.is_alive() for thread in shop.worker._executors)


def test_jobs_run_are_recorded_and_then_acked(make_workshop: Make) -> None:
    shop = make_workshop(*(delivery(f"r{n}") for n in range(50)), threads=3)
    shop.worker.start()
    shop.ends(*(f"r{n}" for n in range(50)))
    assert sorted(shop.source.acked) == sorted(f"r{n}" for n in range(50))
    assert shop.source.held == []


def test_a_job_that_comes_while_the_worker_is_idle_starts_within_a_few_milliseconds(make_workshop: Make) -> None:
    shop = make_workshop()
    started: list[float] = []
    shop.add("stamp", lambda: started.append(time.perf_counter()))
    shop.worker.start()
    waits = []
    for n in range(20):
        at = time.perf_counter()
        shop.source.put(delivery(f"r{n}", "stamp"))
        wait_for(lambda n=n: len(started) == n + 1)
        waits.append(started[-1] - at)
    assert sorted(waits)[10] < 0.01


def test_outcomes_of_an_idle_worker_are_settled_at_once(make_workshop: Make) -> None:
    shop = make_workshop()
    shop.worker.start()
    waits = []
    for n in range(11):
        at = time.perf_counter()
        shop.source.put(delivery(f"r{n}"))
        while f"r{n}" not in shop.source.acked:
            assert time.perf_counter() - at < 10
            time.sleep(0.0005)
        waits.append(time.perf_counter() - at)
    assert sorted(waits)[5] < 0.03


def test_an_idle_worker_waits_in_the_thread_that_runs_the_next_job(make_workshop: Make) -> None:
    shop = make_workshop(delivery("r0"))
    shop.worker.start()
    for n in range(1, 4):
        shop.ends(f"r{n - 1}")
        wait_for(lambda: shop.source.waits[-1][1] == IDLE_WAIT_SECONDS)
        shop.source.put(delivery(f"r{n}"))
    shop.ends("r3")
    assert {thread for thread, seconds in shop.source.waits if seconds == IDLE_WAIT_SECONDS} == {"pscheduler-job-0"}


# What is away


def test_a_ledger_that_is_away_stops_no_thread_and_loses_nothing(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a"), delivery("b"), threads=2)
    shop.ledger.away = True
    shop.worker.start()
    wait_for(lambda: shop.source.given_back)
    shop.ledger.away = False
    shop.ends("a", "b")
    assert len([thread for thread in shop.worker._executors if thread.is_alive()]) == 2


def test_a_ledger_that_is_away_is_not_asked_hundreds_of_times(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a"))
    shop.ledger.away = True
    shop.worker.start()
    began = time.monotonic()
    wait_for(lambda: len(shop.source.given_back) >= 4)
    assert time.monotonic() - began > 0.5


def test_fires_wait_until_the_ledger_can_say_whether_they_may_run(make_workshop: Make) -> None:
    shop = make_workshop(delivery("fire", **{"ps-token": "t1"}))
    shop.ledger.away = True
    shop.worker.start()
    wait_for(lambda: shop.source.held)
    assert not shop.ledger.records
    shop.ledger.away = False
    shop.ends("fire")


def test_the_second_publication_of_a_fire_is_acked_and_never_run(make_workshop: Make) -> None:
    shop = make_workshop(delivery("fire", "count", **{"ps-token": "mine"}))
    shop.source.queue.append(delivery("other", "count", **{"ps-token": "theirs"}))
    shop.ledger.refused_tokens = {"theirs"}
    ran: list[int] = []
    shop.add("count", lambda: ran.append(1))
    shop.worker.start()
    shop.ends("fire")
    wait_for(lambda: "other" in shop.source.acked)
    assert ran == [1]
    assert shop.ledger.ended() == {"fire"}
    assert shop.ledger.claims <= 2  # by the batch, not by the job


@pytest.mark.parametrize("token", [["x"], {"a": 1}, 7, None])
def test_a_token_of_a_strange_type_holds_up_nobody(make_workshop: Make, token: Any) -> None:
    shop = make_workshop(delivery("strange", **{"ps-token": token}), delivery("good"))
    shop.worker.start()
    shop.ends("good")


@pytest.mark.parametrize("what", ["receive", "ack"])
def test_after_an_outage_of_the_broker_the_worker_goes_on(make_workshop: Make, what: str) -> None:
    shop = make_workshop(delivery("a"))
    shop.source.away = {what}
    shop.worker.start()
    if what == "ack":
        wait_for(lambda: "a" in shop.ledger.ended())
        assert shop.source.acked == []
    shop.source.away = set()
    shop.ends("a")


def test_a_failed_flush_keeps_follow_ups_and_publishes_them_once(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a", "again"))
    message = delivery("next").message()
    shop.add("again", print, handler=lambda run: Outcome(RunState.RETRIED, follow_ups=(message,)))
    shop.publisher.away = True
    shop.worker.start()
    wait_for(lambda: len(shop.settler))
    shop.ledger.away, shop.publisher.away = True, False
    wait_for(lambda: shop.publisher.published)
    assert shop.source.acked == []
    shop.ledger.away = False
    shop.ends("a")
    assert shop.publisher.published == ["next"]


def test_a_worker_whose_process_is_damaged_abandons_it_and_others_wait_for_a_broker_that_is_away(
    make_workshop: Make,
) -> None:
    abandoned, asked = threading.Event(), []

    def damage(failures: int) -> str:
        asked.append(failures)
        return "it is broken" if failures == 3 else ""

    shop = make_workshop(delivery("a"), damage=damage, abandon=abandoned.set)
    shop.source.away = {"receive"}
    shop.worker.start()
    assert abandoned.wait(10)
    assert asked[:3] == [1, 2, 3]


# What cannot be settled


def test_an_outcome_that_cannot_be_written_holds_up_no_other(make_workshop: Make) -> None:
    shop = make_workshop(*(delivery(f"r{n}") for n in range(10)))
    shop.ledger.unwritable = {"r3"}
    shop.worker.start()
    shop.ends(*(f"r{n}" for n in range(10) if n != 3))
    wait_for(lambda: "r3" in shop.source.acked)
    assert [(one.id, one.state) for one in shop.ledger.parked] == [("r3", RunState.PARKED)]
    assert "cannot be written down" in shop.ledger.parked[0].reason


def test_a_follow_up_that_cannot_be_published_holds_up_no_other(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a", "again"), delivery("b"))
    message = delivery("huge").message()
    shop.add("again", print, handler=lambda run: Outcome(RunState.RETRIED, follow_ups=(message,)))
    shop.publisher.unpublishable = {"huge"}
    shop.worker.start()
    shop.ends("b")
    wait_for(lambda: "a" in shop.source.acked)
    assert [one.id for one in shop.ledger.parked] == ["a"]


def test_a_bug_of_ours_in_one_run_costs_no_thread(make_workshop: Make) -> None:
    shop = make_workshop(delivery("bug"), delivery("good"))
    run = shop.runner.run

    def buggy(one: Any, ack_now: Any = None) -> Any:
        if one.tag == "bug":
            raise AssertionError
        return run(one, ack_now)

    shop.runner.run = buggy  # type: ignore[method-assign]
    shop.worker.start()
    shop.ends("good")
    assert "bug" in shop.source.held  # neither acked nor lost


# Acks before the call


def test_a_task_that_acks_early_is_acked_before_it_is_called_and_only_once(make_workshop: Make) -> None:
    shop = make_workshop(*(delivery(f"r{n}", "early") for n in range(20)), threads=3)
    acked_before: list[bool] = []

    def handler(run: Any) -> Outcome:
        acked_before.append(run.id in shop.source.acked)
        return Outcome(RunState.SUCCEEDED)

    shop.add("early", print, handler=handler, ack_early=True)
    shop.worker.start()
    shop.ends(*(f"r{n}" for n in range(20)))
    assert acked_before == [True] * 20
    assert len(shop.source.acked) == 20


def test_the_thread_that_runs_a_job_acks_it_where_any_thread_may(make_workshop: Make) -> None:
    shop = make_workshop(*(delivery(f"r{n}", "early") for n in range(20)), threads=3)
    shop.source.any_thread = True
    acked_by: dict[str, int] = {}
    shop.source.on_ack = lambda tag: acked_by.update({tag: threading.get_ident()})
    ran_by: dict[str, int] = {}

    def handler(run: Any) -> Outcome:
        assert run.id in shop.source.acked
        ran_by[run.id] = threading.get_ident()
        return Outcome(RunState.SUCCEEDED)

    shop.add("early", print, handler=handler, ack_early=True)
    shop.worker.start()
    shop.ends(*(f"r{n}" for n in range(20)))
    assert ran_by == acked_by


def test_an_early_ack_that_fails_in_the_jobs_own_thread_is_had_by_the_other(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a", "early"))
    ran: list[int] = []
    shop.add("early", lambda: ran.append(1), ack_early=True)
    shop.source.any_thread, shop.source.away = True, {"ack"}
    shop.worker.start()
    wait_for(lambda: len(shop.worker._early))
    shop.source.away = set()
    shop.ends("a")
    assert (ran, shop.source.acked) == ([1], ["a"])


def test_a_job_that_came_over_a_connection_that_is_lost_is_not_begun_if_its_task_acks_early(
    make_workshop: Make,
) -> None:
    shop = make_workshop(delivery("old", "early"), delivery("new", "early"))
    shop.source.strange = {"old"}
    ran: list[str] = []

    def handler(run: Any) -> Outcome:
        ran.append(run.id)
        return Outcome(RunState.SUCCEEDED)

    shop.add("early", print, handler=handler, ack_early=True)
    shop.worker.start()
    wait_for(lambda: shop.source.given_back and shop.source.acked)
    assert (ran, shop.source.acked) == (["new"], ["new"])
    assert set(shop.source.given_back) == {"old"}


def test_where_another_would_ack_for_a_dead_process_early_acks_are_said_together(make_workshop: Make) -> None:
    names = [f"r{n}" for n in range(600)]
    shop = make_workshop(*(delivery(name, "early") for name in names), threads=2, journal=Journal())
    shop.add("early", lambda: threading.Event().wait(0.0005), ack_early=True)
    shop.source.any_thread = shop.source.outlives = True
    shop.worker.start()
    shop.ends(*names)
    assert sorted(shop.source.acked) == sorted(names)
    assert shop.source.acks < len(names) / 2


def begin_before_its_ack(
    make_workshop: Make, meanwhile: Callable[[Any, str], object]
) -> tuple[Any, list[str], list[str]]:
    """A worker of early jobs; the first that begins before its ack was said does ``meanwhile``. Their ids, and its."""
    names = [f"r{n}" for n in range(500)]
    shop = make_workshop(*(delivery(name, "early") for name in names), threads=1, journal=Journal())
    shop.source.any_thread = shop.source.outlives = True
    promised: list[str] = []

    def handler(run: Any) -> Outcome:
        if run.id not in shop.source.acked and not promised:
            promised.append(run.id)
            meanwhile(shop, run.id)
        return Outcome(RunState.SUCCEEDED)

    shop.add("early", print, handler=handler, ack_early=True)
    shop.worker.start()
    return shop, names, promised


def test_what_began_before_its_ack_is_acked_while_it_runs(make_workshop: Make) -> None:
    shop, names, promised = begin_before_its_ack(
        make_workshop, lambda shop, id_: wait_for(lambda: id_ in shop.source.acked)
    )
    shop.ends(*names)
    assert promised


def test_what_was_acked_early_and_cannot_be_settled_is_acked_all_the_same(make_workshop: Make) -> None:
    shop, names, promised = begin_before_its_ack(make_workshop, lambda shop, id_: setattr(shop.ledger, "away", True))
    wait_for(lambda: promised and promised[0] in shop.source.acked)
    assert promised[0] not in [record.run_id for record in shop.ledger.records]
    shop.ledger.away = False
    shop.ends(*names)


def test_what_was_acked_early_and_cannot_be_settled_does_not_go_back_when_the_worker_stops(make_workshop: Make) -> None:
    names = [f"r{n}" for n in range(500)]
    shop = make_workshop(*(delivery(name, "early") for name in names), threads=1, journal=Journal())
    shop.source.any_thread = shop.source.outlives = True
    ran: list[str] = []

    def handler(run: Any) -> Outcome:
        ran.append(run.id)
        if run.id not in shop.source.acked and not shop.ledger.away:
            shop.ledger.away = True
            shop.worker.stop(0.0, wait=False)
        return Outcome(RunState.SUCCEEDED)

    shop.add("early", print, handler=handler, ack_early=True)
    shop.worker.start()
    wait_for(lambda: shop.leases.released)
    assert shop.ledger.away
    assert set(ran) <= set(shop.source.acked)


def test_what_waits_behind_what_cannot_be_settled_is_stuck_too(make_workshop: Make) -> None:
    shop = make_workshop()
    held = [delivery(f"r{n}") for n in range(BATCH + 1)]
    for one in held:
        shop.settler.add(shop.runner.run(one))
    assert shop.settler.stuck == []
    shop.ledger.away = True
    with pytest.raises(LedgerUnavailable):
        shop.settler.flush(shop.source)  # type: ignore[arg-type]
    assert shop.settler.stuck == held


def test_while_the_broker_is_away_no_job_begins_that_is_acked_early(make_workshop: Make) -> None:
    shop = make_workshop(journal=Journal())
    shop.source.any_thread = shop.source.outlives = True
    ran: list[int] = []
    shop.add("early", lambda: ran.append(1), ack_early=True)
    shop.source.away = {"ack"}
    shop.source.put(*(delivery(f"r{n}", "early") for n in range(20)))
    shop.worker.start()
    wait_for(lambda: len(shop.worker._early))
    assert ran == []
    shop.source.away = set()
    shop.ends(*(f"r{n}" for n in range(20)))
    assert len(ran) == 20


def test_a_task_that_acks_late_is_not_acked_while_it_runs(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a", "held"))
    shop.hold()
    shop.worker.start()
    wait_for(lambda: shop.calls)
    assert shop.source.acked == []
    shop.gate.set()
    shop.ends("a")


def test_a_job_whose_early_ack_is_not_to_be_had_goes_back_unrun_when_the_worker_stops(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a", "early"))
    ran: list[int] = []
    shop.add("early", lambda: ran.append(1), ack_early=True)
    shop.source.away = {"ack"}
    shop.worker.start()
    wait_for(lambda: len(shop.worker._early))
    shop.worker.stop(0.2)
    wait_for(lambda: none_alive(shop))
    assert ran == []
    assert shop.source.acked == []


def test_who_asks_for_an_early_ack_as_the_worker_leaves_has_none(mocker: MockerFixture) -> None:
    source, answers = FakeSource([delivery("a")]), list[bool]()
    (asked,) = source.receive(1, 0)
    early = EarlyAcks(lambda: source, SystemClock())
    early.close()
    may_go_on, refuse = threading.Event(), early.refuse
    mocker.patch.object(early, "refuse", side_effect=lambda: may_go_on.wait() and refuse())
    thread = threading.Thread(target=lambda: answers.append(early.ask(asked)))
    thread.start()
    wait_for(lambda: len(early))
    early.serve(source, ())
    may_go_on.set()
    thread.join()
    assert (source.acked, answers) == ([], [False])


def test_the_journal_knows_whose_ack_was_asked_for_whether_it_was_heard_or_not(mocker: MockerFixture) -> None:
    source, answers = FakeSource([delivery("a")]), list[bool]()
    (asked,) = source.receive(1, 0)
    journal, load = Journal(), mocker.stub()
    journal.begin(Run("a", "early", (), {}, {}, asked), wants_word=False)
    early = EarlyAcks(lambda: source, SystemClock(), journal)
    thread = threading.Thread(target=lambda: answers.append(early.ask(asked)))
    thread.start()
    wait_for(lambda: len(early))
    ack, meanwhile = source.ack_for_certain, list[Begun]()
    mocker.patch.object(
        source, "ack_for_certain", side_effect=lambda these: meanwhile.extend(journal.left(load)) or ack(these)
    )
    early.serve(source, ())
    thread.join()
    assert [(one.is_acking, one.is_acked) for one in [*meanwhile, *journal.left(load)]] == [(True, False), (True, True)]
    assert answers == [True]


def test_a_run_that_finds_no_place_in_the_journal_goes_back_unrun(make_workshop: Make) -> None:
    with Journal() as journal:
        shop = make_workshop(delivery("a", "early"), journal=journal)
        ran: list[int] = []
        shop.add("early", lambda: ran.append(1), ack_early=True)
        places, journal._unused = journal._unused, iter(())
        shop.worker.start()
        wait_for(lambda: shop.source.given_back)
        assert ran == []
        journal._unused = places
        shop.ends("a")
        assert ran == [1]
        shop.end()


def test_what_comes_while_tasks_are_acked_early_is_written_down_before_it_begins(
    make_workshop: Make, mocker: MockerFixture
) -> None:
    with Journal() as journal:
        shop = make_workshop(journal=journal)
        shop.source.outlives = True
        shop.add("early", lambda: None, ack_early=True)
        foresee, foreseen = mocker.patch.object(journal, "foresee"), list[str]()
        foresee.side_effect = lambda these: foreseen.extend(one.tag for one in these)
        shop.worker.start()
        numbers = itertools.count()

        def put(name: str) -> str:
            number = f"{name}{next(numbers)}"
            shop.source.put(delivery(number, name))
            return number

        shop.ends(put("job"))
        shop.ends(put("job"))
        assert foreseen == []
        wait_for(lambda: put("early") and foreseen)  # one upon the other: who waits for each may be late with the next
        shop.end()


def test_what_waited_for_its_ack_during_a_standstill_is_not_begun(make_workshop: Make, mocker: MockerFixture) -> None:
    shop = make_workshop(delivery("a", "early"))
    shop.add("early", print, ack_early=True)
    shop.source.away = {"ack"}
    shop.worker.start()
    wait_for(lambda: len(shop.worker._early))
    real = time.monotonic  # others may have its claim by now
    mocker.patch.object(shop.worker._clock, "monotonic", side_effect=lambda: real() + 30)
    wait_for(lambda: not len(shop.worker._early), what="the refusal")
    shop.source.away = set()
    wait_for(lambda: shop.source.given_back == ["a"])
    shop.ends("a")
    assert shop.source.acked == ["a"]


def test_what_was_taken_before_a_standstill_is_not_begun_after_it_even_where_that_fell_into_a_wait(
    make_workshop: Make, mocker: MockerFixture
) -> None:
    shop = make_workshop(delivery("running", "held"), delivery("waiting"), threads=1)
    shop.hold()
    real, stood_still = time.monotonic, threading.Event()
    receive, enforce = shop.source.receive, shop.limits.enforce

    def receive_late(limit: int, timeout: float) -> list[Delivery]:
        came = receive(limit, timeout)
        if shop.calls:
            stood_still.set()
        return came

    def let_it_end_before_the_next_turn() -> None:
        if stood_still.is_set() and not shop.gate.is_set():
            shop.gate.set()
            wait_for(lambda: not shop.worker._busy)
        enforce()

    mocker.patch.object(
        shop.worker._clock, "monotonic", side_effect=lambda: real() + (30 if stood_still.is_set() else 0)
    )
    mocker.patch.object(shop.source, "receive", receive_late)
    mocker.patch.object(shop.limits, "enforce", let_it_end_before_the_next_turn)
    shop.worker.start()
    wait_for(lambda: shop.source.given_back == ["waiting"], 10)
    shop.ends("running", "waiting")


def test_an_early_acked_job_that_does_not_finish_in_time_is_kept_with_the_failures(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a", "early"))
    shop.add("early", lambda: shop.gate.wait(30), ack_early=True)
    shop.worker.start()
    wait_for(lambda: "a" in shop.source.acked)
    shop.worker.stop(0.1)
    assert [(one.id, one.state) for one in shop.ledger.parked] == [("a", RunState.FAILED)]
    assert "WorkerLost" in shop.ledger.parked[0].reason
    assert shop.source.given_back == []


# Prefetch


def test_behind_a_long_job_nothing_is_hoarded(make_workshop: Make) -> None:
    shop = make_workshop(delivery("long", "held"), *(delivery(f"r{n}") for n in range(5)))
    shop.hold()
    shop.worker.start()
    wait_for(lambda: shop.calls)
    wait_for(lambda: shop.source.held == ["long"], what="the others to be given back")
    assert "long" not in shop.source.given_back


def test_what_is_hoarded_while_the_broker_is_away_is_given_back_when_it_is_there(make_workshop: Make) -> None:
    shop = make_workshop(delivery("long", "held"), *(delivery(f"r{n}") for n in range(3)))
    shop.hold()
    shop.source.away = {"give_back"}
    shop.worker.start()
    wait_for(lambda: len(shop.worker._intake._returning))
    shop.source.away = set()
    wait_for(lambda: shop.source.held == ["long"])


def test_many_short_jobs_are_fetched_in_batches_of_bounded_size(make_workshop: Make) -> None:
    shop = make_workshop(*(delivery(f"r{n}") for n in range(5000)), threads=2)
    shop.worker.start()
    wait_for(lambda: len(shop.source.acked) == 5000)
    assert 10 < shop.source.largest <= 2500


# Leaving


def test_stopping_gives_back_at_once_what_has_not_started_and_waits_for_what_has(make_workshop: Make) -> None:
    shop = make_workshop(delivery("running", "held"), delivery("waiting"), threads=1)
    shop.hold()
    shop.worker.start()
    wait_for(lambda: shop.calls and len(shop.source.held) == 2)
    stopper = threading.Thread(target=shop.worker.stop, args=(20,))
    stopper.start()
    wait_for(lambda: shop.source.given_back == ["waiting"])
    shop.gate.set()
    stopper.join(10)
    assert shop.source.acked == ["running"]
    assert shop.source.closed
    assert shop.leases.released == ["w"]
    assert shop.upkeep.left
    wait_for(lambda: none_alive(shop))


def test_a_job_that_does_not_finish_in_time_goes_back(make_workshop: Make) -> None:
    abandoned: list[int] = []
    shop = make_workshop(delivery("a", "held"), abandon=lambda: abandoned.append(1))
    shop.hold()
    shop.worker.start()
    wait_for(lambda: shop.calls)
    shop.worker.stop(0.1)
    assert shop.source.given_back == ["a"]
    assert shop.worker.unfinished == 1
    assert abandoned == [1]


def test_a_worker_whose_jobs_all_finish_abandons_nothing(make_workshop: Make) -> None:
    abandoned: list[int] = []
    shop = make_workshop(delivery("a"), abandon=lambda: abandoned.append(1))
    shop.worker.start()
    shop.ends("a")
    shop.worker.stop(5)
    assert abandoned == []


@pytest.mark.parametrize("away", [{"give_back"}, {"receive"}, {"ack"}, {"give_back", "receive", "ack"}])
def test_a_worker_stops_though_the_broker_is_away(make_workshop: Make, away: set[str]) -> None:
    shop = make_workshop(delivery("a"), threads=2)
    shop.worker.start()
    shop.ends("a")
    shop.source.away = away
    shop.source.put(delivery("b"))
    began = time.monotonic()
    shop.worker.stop(0.5)
    assert time.monotonic() - began < 2
    assert not shop.worker.alive
    wait_for(lambda: none_alive(shop))
    assert shop.leases.released == ["w"]


def test_a_worker_that_never_found_its_broker_stops(make_workshop: Make) -> None:
    def away() -> FakeSource:
        raise BrokerUnavailable("nobody there")

    shop = make_workshop(open_source=away)
    shop.worker.start()
    began = time.monotonic()
    shop.worker.stop(0.5)
    assert time.monotonic() - began < 2
    wait_for(lambda: none_alive(shop))


def test_stopping_twice_or_before_the_start_is_harmless(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a"))
    shop.worker.stop(0.1)
    shop.worker.start()
    wait_for(lambda: not shop.worker.alive)
    wait_for(lambda: none_alive(shop))
    shop.worker.stop(0.1)
    assert shop.ledger.records == []


def test_a_worker_asks_to_be_replaced_after_its_share_of_jobs(make_workshop: Make) -> None:
    shop = make_workshop(*(delivery(f"r{n}") for n in range(30)), lifespan=Lifespan(jobs=5), threads=1)
    assert shop.worker.run() == EXIT_RECYCLE
    assert len(shop.ledger.records) >= 5
    assert shop.source.held == []
    assert sorted(shop.source.acked) == sorted(shop.ledger.ended())


def test_a_worker_asks_to_be_replaced_when_it_has_grown_but_not_before_its_first_job(
    make_workshop: Make, caplog: pytest.LogCaptureFixture
) -> None:
    shop = make_workshop(lifespan=Lifespan(memory_bytes=1))
    putter = threading.Thread(target=lambda: (wait_for(lambda: shop.source.waits), shop.source.put(delivery("a"))))
    putter.start()
    assert shop.worker.run() == EXIT_RECYCLE
    putter.join()
    assert shop.ledger.ended() == {"a"}
    assert "scheduler.worker.max_memory" in caplog.text


def test_run_returns_when_another_thread_stops_it(make_workshop: Make) -> None:
    shop = make_workshop(delivery("a"))
    stopper = threading.Thread(target=lambda: (shop.ends("a"), shop.worker.stop(1)))
    stopper.start()
    assert shop.worker.run() == EXIT_STOPPED
    stopper.join()


def test_workers_started_and_stopped_at_any_moment_lose_nothing(make_workshop: Make) -> None:
    source = FakeSource([delivery(f"r{n}") for n in range(300)])
    ended: set[str] = set()
    for round_ in range(200):
        shop = make_workshop(threads=2, open_source=lambda: source)
        shop.worker.start()
        if round_ % 3:
            wait_for(lambda: source.acked or not source.queue)
        shop.worker.stop(2)
        ended |= shop.ledger.ended()
        assert source.held == []
        if not source.queue:
            break
    assert sorted(source.acked) == sorted(f"r{n}" for n in range(300))
    assert ended == set(source.acked)
