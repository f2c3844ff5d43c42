"""Time limits, in the main thread and in others, and what a job is called in."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.errors import SoftTimeLimitExceeded
from pyramid_scheduler.core.run import Outcome, Run, RunState
from pyramid_scheduler.core.task import Task
from pyramid_scheduler.work import child
from pyramid_scheduler.work.calling import Caller
from pyramid_scheduler.work.child import Line
from pyramid_scheduler.work.limits import Deadline, Limits
from pyramid_scheduler.work.terminations import Terminations
from tests.fleet import wait_for
from tests.work.fakes import Workshop, delivery

Make = Callable[..., Workshop]


def run_of(*limits: float | None, args: Any = ()) -> Run:
    one = delivery("r", timelimit=list(limits) or None)
    return Run("r", "job", args, {}, one.headers, one)


def call(func: Callable[..., Any], run: Run, limits: Limits | None = None, **options: Any) -> Outcome:
    clock = SystemClock()
    given = options.pop("context", None), options.pop("delegator", None)
    caller = Caller(*given, limits or Limits(clock), options.pop("terminations", None) or Terminations(clock))
    task = Task("job", func, limits=options.pop("limits_of_task", None), **options)
    return caller.call(task, run)


def spin(seconds: float = 30) -> None:
    """Busy, in small steps."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)


def test_a_soft_limit_interrupts_even_a_blocking_call_in_the_main_thread() -> None:
    began = time.monotonic()
    with pytest.raises(SoftTimeLimitExceeded, match=r"longer than 0\.1 s"):
        call(lambda: time.sleep(20), run_of(None, 0.1))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("of_the_message", "of_the_task", "holds"),
    [
        ([], None, (None, None)),
        ([9, 8], None, (9, 8)),
        ([], (7, 6), (7, 6)),
        ([None, None], (7, 6), (7, 6)),
        ([9, None], (7, 6), (9, 6)),
        ([9, 8], (7, 6), (9, 8)),
        ([0, 0], (7, None), (7, None)),
    ],
)
def test_the_limits_of_the_message_go_before_those_of_the_task(
    of_the_message: list[Any], of_the_task: Any, holds: Any
) -> None:
    assert Task("job", spin, limits=of_the_task).limits_of(run_of(*of_the_message)) == holds


def test_a_task_s_own_limit_holds_where_the_message_says_none() -> None:
    with pytest.raises(SoftTimeLimitExceeded, match=r"longer than 0\.1 s"):
        call(lambda: time.sleep(20), run_of(), limits_of_task=(None, 0.1))


def test_a_job_that_ends_in_time_is_not_interrupted_later() -> None:
    assert call(lambda: 1, run_of(None, 0.05)).result == 1
    spin(0.1)


def test_a_soft_limit_is_raised_between_two_steps_of_another_thread(make_workshop: Make) -> None:
    shop = make_workshop(delivery("r", "spin", timelimit=[None, 0.1]), delivery("next"))
    shop.add("spin", spin)
    shop.worker.start()
    shop.ends("r", "next")
    record = next(record for record in shop.ledger.records if record.run_id == "r")
    assert record.state == RunState.FAILED
    assert record.error == "SoftTimeLimitExceeded: the job has run longer than 0.1 s"
    assert record.runtime_seconds < 5


def test_a_soft_limit_is_enforced_while_the_broker_is_away(make_workshop: Make) -> None:
    shop = make_workshop(delivery("r", "spin", timelimit=[None, 0.2]))
    shop.add("spin", spin)
    shop.worker.start()
    wait_for(lambda: shop.source.held)
    shop.source.away = {"receive", "ack"}
    wait_for(lambda: len(shop.settler), seconds=5)


def test_a_job_may_catch_its_soft_limit_and_tidy_up(make_workshop: Make) -> None:
    shop = make_workshop(delivery("r", "careful", timelimit=[None, 0.1]))

    def careful() -> None:
        try:
            spin()
        except SoftTimeLimitExceeded:
            shop.calls.append("tidied")

    shop.add("careful", careful)
    shop.worker.start()
    shop.ends("r")
    assert shop.calls == ["tidied"]
    assert shop.ledger.records[0].state == RunState.SUCCEEDED


def test_limits_that_expire_just_as_jobs_end_hit_nobody_else(make_workshop: Make) -> None:
    runs = [delivery(f"r{n}", "brief", timelimit=[None, 0.05], args=(0.03 + n * 0.001,)) for n in range(40)]
    shop = make_workshop(*runs, delivery("last"), threads=2)
    shop.add("brief", spin)
    shop.worker.start()
    shop.ends(*(f"r{n}" for n in range(40)), "last")
    assert {record.state for record in shop.ledger.records if record.run_id == "last"} == {"succeeded"}
    assert all(thread.is_alive() for thread in shop.worker._executors)


def test_the_supervisor_is_told_of_a_hard_limit_and_of_the_end_of_the_run() -> None:
    told: list[tuple[str, Deadline | None]] = []
    limits = Limits(SystemClock(), lambda run_id, deadline: told.append((run_id, deadline)))
    began = time.monotonic()
    call(lambda: None, run_of(5.0, None), limits)
    assert [run_id for run_id, _ in told] == ["r", "r"]
    deadline, cleared = (deadline for _, deadline in told)
    assert deadline is not None
    assert cleared is None
    assert deadline.at == pytest.approx(began + 5, abs=1)
    assert deadline.begun.run_id == "r"


def test_a_run_with_a_hard_limit_does_not_fail_because_its_supervisor_is_gone() -> None:
    theirs, ours = multiprocessing.Pipe()
    theirs.close()
    assert call(lambda: 42, run_of(5.0, None), Limits(SystemClock(), Line(ours))).result == 42
    ours.close()


@pytest.mark.parametrize("then", ["nothing", "another file"])
def test_a_process_that_cannot_tell_its_supervisor_of_a_limit_ends_before_the_run_begins(
    mocker: MockerFixture, then: str
) -> None:
    ended = mocker.patch.object(child, "end", side_effect=SystemExit)
    theirs, ours = multiprocessing.Pipe()
    line = Line(ours)
    number, kept = ours.fileno(), os.dup(ours.fileno())
    os.close(number)
    if then == "another file":
        other = os.open(os.devnull, os.O_WRONLY)
        os.dup2(other, number)
        os.close(other) if other != number else None
    try:
        began = mocker.Mock()
        with pytest.raises(SystemExit):
            call(began, run_of(5.0, None), Limits(SystemClock(), line))
        assert ended.call_args.args == (child.EXIT_DAMAGED,)
        began.assert_not_called()
    finally:
        os.dup2(kept, number)
        os.close(kept)
        ours.close()
        theirs.close()


def test_without_limits_the_supervisor_is_told_nothing() -> None:
    told: list[str] = []
    call(lambda: None, run_of(), Limits(SystemClock(), lambda run_id, deadline: told.append(run_id)))
    assert told == []


def test_without_a_supervisor_a_hard_limit_is_raised_in_the_job(make_workshop: Make) -> None:
    shop = make_workshop(delivery("r", "spin", timelimit=[0.1, None]))
    shop.add("spin", spin)
    shop.worker.start()
    shop.ends("r")
    assert shop.ledger.records[0].error.startswith("TimeLimitExceeded: ")


# What a job is called in


def test_a_delegator_that_returns_true_has_run_the_job() -> None:
    seen: list[Any] = []

    def delegator(func: Any, args: Any, kwargs: Any) -> bool:
        seen.append(args)
        return args == (1,)

    assert call(lambda n: n, run_of(args=(1,)), delegator=delegator).result is None
    assert call(lambda n: n, run_of(args=(2,)), delegator=delegator).result == 2
    assert seen == [(1,), (2,)]


def test_a_task_is_called_in_its_context_unless_it_wants_none() -> None:
    entered: list[str] = []

    def context(run: Run, call: Callable[[], Any]) -> Any:
        entered.append(run.id)
        return call()

    assert call(lambda: 1, run_of(), context=context).result == 1
    assert call(lambda: 2, run_of(), context=context, with_context=False).result == 2
    assert entered == ["r"]


def test_a_coroutine_is_awaited_in_the_thread_of_its_job() -> None:
    async def where() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    assert call(where, run_of()).result == threading.get_ident()


def test_a_coroutine_that_ran_too_long_does_not_go_on_in_the_next_one() -> None:
    caller = Caller(None, None, Limits(SystemClock()), Terminations(SystemClock()))
    went_on: list[str] = []

    async def long() -> None:
        await asyncio.sleep(0.3)
        went_on.append("long")

    async def next_one() -> None:
        await asyncio.sleep(0.5)

    with pytest.raises(SoftTimeLimitExceeded):
        caller.call(Task("job", long), run_of(None, 0.1))
    caller.call(Task("job", next_one), run_of())
    assert went_on == []


@pytest.mark.parametrize(
    ("end", "status"), [(lambda: None, 0), (lambda: sys.exit(3), 3), (lambda: 1 / 0, 1), (lambda: sys.exit("mine"), 1)]
)
def test_a_forked_child_that_comes_back_from_its_job_ends_there(
    end: Callable[[], Any], status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    def fork() -> int:
        pid = os.fork()
        if not pid:
            end()
        return pid

    try:
        pid = call(fork, run_of()).result
    except BaseException:
        os._exit(99)  # the child, come back further than it should
    if not pid:
        os._exit(98)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
    assert bool(capfd.readouterr().err) == (status == 1)  # it says why
