"""Tasks run by a worker, in threads of this process."""

from __future__ import annotations

import os
import sys
import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from compat import group, signals, states
from compat.backends.base import Backend
from compat.contrib.testing.worker import start_worker
from compat.exceptions import Ignore, NotRegistered, Reject, SoftTimeLimitExceeded, WorkerLostError
from compat.loaders.base import BaseLoader
from compat.pipeline import settings_of
from pyramid_scheduler.api import RunState
from tests.fleet import wait_for

SECONDS = 10


@pytest.fixture
def worker(app: Any) -> Iterator[Any]:
    with start_worker(app, perform_ping_check=False, without_heartbeat=True) as started:
        yield started


def test_a_result_comes_back(app: Any, worker: Any) -> None:
    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    assert add.delay(2, 3).get(timeout=SECONDS) == 5


def test_a_large_argument_arrives_unless_a_limit_is_set(app: Any, worker: Any) -> None:
    @app.task
    def length(text: str) -> int:
        return len(text)

    assert length.delay("x" * 5_000_000).get(timeout=SECONDS) == 5_000_000

    app.conf.pyramid_scheduler = {"broker.max_body": "1M"}
    assert settings_of(app).max_body_bytes == 1024**2


def test_a_retry_keeps_id_headers_and_links_and_the_chain_goes_on(app: Any, worker: Any) -> None:
    @app.task(bind=True)
    def flaky(self: Any) -> Any:
        if self.request.retries < 2:
            raise self.retry(countdown=0.01)
        return [self.request.retries, self.request.headers["tenant"]]

    @app.task
    def after(result: Any) -> Any:
        return {"seen": result}

    chained = (flaky.s().set(headers={"tenant": "a"}) | after.s()).apply_async()

    assert chained.get(timeout=SECONDS) == {"seen": [2, "a"]}


def test_a_retry_put_off_to_a_transaction_that_never_commits_is_sent_all_the_same(app: Any, worker: Any) -> None:
    """A task whose apply_async waits for a commit, as some do: the Retry aborts what it waits for."""

    class Hooked(app.Task):  # type: ignore[misc,name-defined]
        def apply_async(self, *args: Any, **kwargs: Any) -> Any:
            if self.request.called_directly:
                return super().apply_async(*args, **kwargs)
            return None

    @app.task(base=Hooked, bind=True)
    def flaky(self: Any) -> int:
        if not self.request.retries:
            raise self.retry(countdown=0.01)
        return int(self.request.retries)

    assert flaky.delay().get(timeout=SECONDS) == 1


def test_a_retry_that_goes_past_the_pipeline_is_sent_once(app: Any, worker: Any) -> None:
    runs: list[int] = []

    @app.task(bind=True)
    def flaky(self: Any) -> None:
        runs.append(self.request.retries)
        if not self.request.retries:
            raise self.retry(countdown=0)

    @app.task
    def after() -> None: ...

    app.conf.task_default_delivery_mode = "transient"
    flaky.delay().get(timeout=SECONDS)
    after.delay().get(timeout=SECONDS)
    assert runs == [0, 1]


@pytest.mark.parametrize("end", [lambda: None, lambda: sys.exit(0), lambda: 1 / 0])
def test_a_forked_child_that_comes_back_from_its_task_says_nothing_of_the_run(
    app: Any, worker: Any, end: Callable[[], Any], tmp_path: Path
) -> None:
    told = tmp_path / "told"

    def tell(sender: Any, **said: Any) -> None:
        with told.open("a") as file:
            print(os.getpid(), file=file)

    @app.task
    def forks() -> str:
        pid = os.fork()
        if not pid:
            end()
            return "the child"
        os.waitpid(pid, 0)
        return "the parent"

    signals.task_success.connect(tell, sender=forks)
    signals.task_failure.connect(tell, sender=forks)
    assert forks.delay().get(timeout=SECONDS) == "the parent"
    wait_for(lambda: told.exists() and told.read_text())
    assert told.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("ends", ["it returns", "it raises", "it leaves"])
def test_a_retry_is_sent_whatever_the_task_does_after_it(app: Any, worker: Any, ends: str) -> None:
    runs: SimpleQueue[int] = SimpleQueue()

    @app.task(bind=True)
    def careless(self: Any) -> None:
        runs.put(self.request.retries)
        if not self.request.retries:
            self.retry(countdown=0, throw=False)
            if ends == "it raises":
                raise ValueError(ends)
            if ends == "it leaves":
                sys.exit(ends)

    careless.delay()
    assert [runs.get(timeout=SECONDS), runs.get(timeout=SECONDS)] == [0, 1]


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def test_an_error_that_cannot_say_what_it_is_is_kept_as_the_one_it_is(app: Any, worker: Any) -> None:
    @app.task(acks_late=True)
    def fail() -> None:
        raise Speechless

    result = fail.delay()
    assert type(result.get(timeout=SECONDS, propagate=False)).__name__ == "Speechless"
    kept = wait_for(lambda: app.pipeline.scheduler.ledger.parked.get(result.id))
    assert kept.reason.startswith("Speechless: ")


def test_a_task_that_retries_for_an_error_that_cannot_say_what_it_is_has_not_failed(app: Any, worker: Any) -> None:
    @app.task(bind=True)
    def flaky(self: Any) -> str:
        if not self.request.retries:
            self.retry(exc=Speechless(), countdown=0)
        return "done"

    result = flaky.delay()
    assert result.get(timeout=SECONDS) == "done"
    find = app.pipeline.scheduler.ledger.history.find
    records = wait_for(lambda: len(found := find(job_id=result.id)) == 2 and found)
    assert {record.state for record in records} == {RunState.RETRIED, RunState.SUCCEEDED}
    assert app.pipeline.scheduler.ledger.parked.get(result.id) is None


def test_a_worker_logs_under_the_names_of_celerys_modules(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    @app.task
    def greet() -> str:
        return "hi"

    @app.task
    def broken() -> None:
        raise ValueError("no")

    with start_worker(app, perform_ping_check=False, loglevel="INFO"), caplog.at_level("INFO", logger="celery"):
        greet.delay().get(timeout=SECONDS)
        broken.delay().get(timeout=SECONDS, propagate=False)
        app.send_task("no.such.task").get(timeout=SECONDS, propagate=False)
    said = {(record.name, record.getMessage().partition(f"{greet.name}[")[0]) for record in caplog.records}
    assert ("celery.worker.strategy", "Task ") in said
    assert {name for name, _ in said} >= {"celery.app.trace", "celery.worker.consumer.consumer"}
    failed = [record for record in caplog.records if record.levelname == "ERROR" and record.exc_info]
    assert [record.name for record in failed] == ["celery.app.trace"]


def test_an_unregistered_task_fails_as_not_registered(app: Any, worker: Any) -> None:
    with pytest.raises(NotRegistered):
        app.send_task("no.such.task").get(timeout=SECONDS)


def test_a_rejected_and_requeued_task_sees_that_it_was_here_before(app: Any, worker: Any) -> None:
    @app.task(bind=True, acks_late=True)
    def picky(self: Any) -> str:
        if not self.request.delivery_info["redelivered"]:
            raise Reject(requeue=True)
        return "second"

    assert picky.delay().get(timeout=SECONDS) == "second"


def test_a_task_that_is_acked_before_it_runs_cannot_be_requeued(app: Any, worker: Any) -> None:
    runs: list[str] = []

    @app.task(bind=True)
    def picky(self: Any) -> None:
        runs.append(self.request.id)
        raise Reject(requeue=True)

    @app.task
    def next_one() -> str:
        return "next"

    rejected = picky.delay()
    for _ in range(3):
        assert next_one.delay().get(timeout=SECONDS) == "next"
    assert (runs, rejected.state) == ([rejected.id], states.PENDING)


def test_a_task_that_is_rejected_for_good_has_failed(app: Any, worker: Any) -> None:
    failures: SimpleQueue[Any] = SimpleQueue()

    @app.task(ignore_result=True, store_errors_even_if_ignored=True)
    def picky(x: int) -> None:
        raise Reject(ValueError("bad"))

    def note(exception: Any, traceback: Any, args: Any, **told: Any) -> None:
        failures.put((exception.requeue, "in picky" in traceback, args))

    signals.task_failure.connect(note, weak=False, dispatch_uid="rejected")
    try:
        rejected = picky.delay(1)
        assert failures.get(timeout=SECONDS) == (False, True, [1])
        assert (rejected.state, type(app.AsyncResult(rejected.id).result)) == (states.FAILURE, Reject)
    finally:
        signals.task_failure.disconnect(dispatch_uid="rejected")


def test_a_soft_time_limit_reads_as_celerys_does(app: Any, worker: Any) -> None:
    said: SimpleQueue[str] = SimpleQueue()

    class Noting(app.Task):  # type: ignore[misc,name-defined]
        def on_failure(self, exc: Any, *args: Any) -> None:
            said.put(str(exc))

    @app.task(base=Noting, soft_time_limit=0.05)
    def spin() -> None:
        try:
            while True:
                pass
        except SoftTimeLimitExceeded as error:
            said.put(str(error))
            raise

    result = spin.delay()

    assert [said.get(timeout=SECONDS), said.get(timeout=SECONDS)] == ["SoftTimeLimitExceeded()"] * 2
    wait_for(result.ready, what="the result")
    assert (repr(result.result), result.result.args) == ("SoftTimeLimitExceeded()", ())


@pytest.mark.parametrize("raised", [SystemExit(3), CancelledError()], ids=repr)
def test_a_task_that_calls_for_the_end_of_its_process_has_failed_and_its_errbacks_hear_of_it(
    app: Any, worker: Any, raised: BaseException
) -> None:
    heard: SimpleQueue[str] = SimpleQueue()

    @app.task
    def leaves() -> None:
        raise raised

    @app.task
    def sorry(request: Any, exc: Any, traceback: Any) -> None:
        heard.put(request.id)

    result = leaves.apply_async(link_error=sorry.s())

    with pytest.raises(WorkerLostError):
        result.get(timeout=SECONDS)
    assert heard.get(timeout=SECONDS) == result.id


def test_an_ignored_task_leaves_its_state_alone(app: Any, worker: Any) -> None:
    done = threading.Event()

    @app.task(bind=True)
    def custom(self: Any) -> None:
        self.update_state(state="HALFWAY", meta={"at": 1})
        raise Ignore

    signals.task_postrun.connect(lambda **kwargs: done.set(), weak=False, dispatch_uid="ignored")
    try:
        result = custom.delay()
        assert done.wait(SECONDS)
        assert (result.state, result.info) == ("HALFWAY", {"at": 1})
    finally:
        signals.task_postrun.disconnect(dispatch_uid="ignored")


def test_an_expired_task_is_revoked_and_does_not_run(app: Any, worker: Any) -> None:
    ran: list[int] = []
    revoked = threading.Event()

    @app.task
    def late() -> None:
        ran.append(1)

    signals.task_revoked.connect(lambda **kwargs: revoked.set(), weak=False, dispatch_uid="expired")
    try:
        result = late.apply_async(expires=-1)
        assert revoked.wait(SECONDS)
        assert (result.state, ran) == (states.REVOKED, [])
    finally:
        signals.task_revoked.disconnect(dispatch_uid="expired")


def test_a_task_revoked_before_its_time_does_not_run(app: Any, worker: Any) -> None:
    revoked = threading.Event()

    @app.task
    def later() -> None:
        raise AssertionError("it was revoked")

    signals.task_revoked.connect(lambda **kwargs: revoked.set(), weak=False, dispatch_uid="early")
    try:
        result = later.apply_async(countdown=1)
        result.revoke()
        assert revoked.wait(SECONDS)
        assert result.state == states.REVOKED
    finally:
        signals.task_revoked.disconnect(dispatch_uid="early")


def test_signals_come_with_the_task_and_may_change_headers(app: Any, worker: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True)
    def signed(self: Any) -> Any:
        return self.request.headers["stamp"]

    def stamp(headers: Any, **kwargs: Any) -> None:
        headers["stamp"] = "put on"

    def note(sender: Any, task_id: str, **kwargs: Any) -> None:
        seen.append((sender.name, task_id))
        raise RuntimeError("a receiver that fails harms nobody")

    signals.before_task_publish.connect(stamp)
    signals.task_prerun.connect(note)
    try:
        result = signed.delay()
        assert result.get(timeout=SECONDS) == "put on"
        assert seen == [(signed.name, result.id)]
    finally:
        signals.before_task_publish.disconnect(stamp)
        signals.task_prerun.disconnect(note)


def test_what_somebody_has_put_in_the_place_of_a_hook_that_does_nothing_is_called(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: SimpleQueue[str] = SimpleQueue()
    for cls, name in (
        (BaseLoader, "on_task_init"),
        (Backend, "mark_as_done"),
        (Backend, "process_cleanup"),
        (BaseLoader, "on_process_cleanup"),
    ):
        monkeypatch.setattr(cls, name, lambda *args, name=name: called.put(name))

    @app.task(name="ignored", shared=False, ignore_result=True)
    def ignored(*args: Any) -> None: ...

    with start_worker(app, perform_ping_check=False):
        ignored.delay()
        names = [called.get(timeout=SECONDS) for _ in range(4)]
    assert names == ["on_task_init", "mark_as_done", "process_cleanup", "on_process_cleanup"]


@pytest.mark.filterwarnings("ignore:Exception raised outside body:RuntimeWarning")
def test_who_hears_of_an_internal_error_is_given_the_request_as_a_dict(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: SimpleQueue[Any] = SimpleQueue()

    def hear(request: Any, **kwargs: Any) -> None:
        heard.put(request)

    def fail(*args: Any) -> None:
        raise LookupError("no")

    monkeypatch.setattr(app.loader, "on_task_init", fail)
    signals.task_internal_error.connect(hear)

    @app.task(name="ignored", shared=False, ignore_result=True)
    def ignored(*args: Any) -> None: ...

    with start_worker(app, perform_ping_check=False):
        result = ignored.delay("a")
        request = heard.get(timeout=SECONDS)
    assert (request["id"], request["args"]) == (result.id, ["a"])


def test_a_countdown_is_kept(app: Any, worker: Any) -> None:
    import time

    @app.task
    def moment() -> float:
        return time.time()

    sent = time.time()
    assert moment.apply_async(countdown=1).get(timeout=SECONDS) - sent >= 1


def test_the_worker_answers_who_it_is_and_what_it_knows(app: Any, worker: Any) -> None:
    @app.task(name="known.task", rate_limit="5/s")
    def known() -> None: ...

    known.name  # noqa: B018
    inspect = app.control.inspect(timeout=5, limit=1)

    assert inspect.ping() == {worker.hostname: {"ok": "pong"}}
    assert "known.task [rate_limit=5/s]" in inspect.registered()[worker.hostname]
    assert [queue["name"] for queue in inspect.active_queues()[worker.hostname]] == ["tests"]


def test_a_group_of_a_generator_at_the_end_of_a_chain_has_the_results_of_what_was_sent(app: Any, worker: Any) -> None:
    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    result = (add.s(2, 2) | group(add.s(n) for n in range(3))).apply_async()
    assert result.get(timeout=SECONDS) == [4, 5, 6]
