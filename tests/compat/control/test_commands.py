"""What a worker does when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from compat import signals
from compat.contrib.testing.app import TestApp
from compat.contrib.testing.worker import start_worker
from compat.exceptions import SoftTimeLimitExceeded
from compat.worker import control
from compat.worker.control import Panel, control_command, inspect_command
from tests.compat.control.conftest import HOST, SECONDS, Lasting


@pytest.fixture
def tell(hasty: Any) -> Any:
    """Commands to the one worker: ``tell("rate_limit", …)`` returns its answer."""

    def say(command: str, *args: Any, **kwargs: Any) -> Any:
        [answer] = getattr(hasty.control, command)(*args, reply=True, timeout=SECONDS, limit=1, **kwargs)
        return answer[HOST]

    return say


@pytest.fixture
def count(hasty: Any) -> Any:
    @hasty.task(name="shop.count", lazy=False)
    def counted() -> str:
        return "counted"

    return counted


@pytest.fixture
def panel() -> Iterator[None]:
    """Commands that a test adds are gone after it."""
    known, described = dict(Panel.data), dict(Panel.meta)
    yield
    for now, before in ((Panel.data, known), (Panel.meta, described)):
        now.clear()
        now.update(before)


def test_a_rate_limit_is_set_and_taken_back(worker: Any, count: Any, tell: Any) -> None:
    assert tell("rate_limit", "shop.count", "10/m") == {"ok": "new rate limit set successfully"}
    assert count.rate_limit == "10/m"
    assert tell("rate_limit", "shop.count", 0) == {"ok": "rate limit disabled successfully"}
    assert count.delay().get(timeout=SECONDS) == "counted"


def test_a_rate_limit_that_is_none_is_an_error(worker: Any, count: Any, tell: Any) -> None:
    assert "Invalid rate limit" in tell("rate_limit", "shop.count", "often")["error"]
    assert tell("rate_limit", "no.such.task", "1/s") == {"error": "unknown task"}


def test_time_limits_are_set(worker: Any, count: Any, tell: Any) -> None:
    assert tell("time_limit", "shop.count", soft=5, hard=9) == {"ok": "time limits set successfully"}
    assert (count.soft_time_limit, count.time_limit) == (5, 9)
    assert tell("time_limit", "no.such.task", soft=1) == {"error": "unknown task"}


@pytest.mark.parametrize("whose", ["the task's", "the worker's", "remote control's"])
def test_a_time_limit_holds_where_the_sender_does_not_know_it(hasty: Any, tell: Any, whose: str) -> None:
    @hasty.task(name="shop.wait", lazy=False, soft_time_limit=0.2 if whose == "the task's" else None)
    def waits() -> str:
        try:
            while not threading.Event().wait(0.02):
                pass
        except SoftTimeLimitExceeded:
            return "ended"
        return "never"

    stranger = TestApp("stranger", set_as_current=False, config={"task_default_queue": "tests"})
    if whose == "the worker's":
        hasty.conf.task_soft_time_limit = 0.2
    with start_worker(hasty, perform_ping_check=False, hostname=HOST):
        if whose == "remote control's":
            sent = stranger.send_task("shop.wait", soft_time_limit=0.01)
            assert hasty.AsyncResult(sent.id).get(timeout=SECONDS) == "ended"
            tell("time_limit", "shop.wait", soft=0.2)
        sent = stranger.send_task("shop.wait")
        assert hasty.AsyncResult(sent.id).get(timeout=SECONDS) == "ended"
    stranger.close()


def test_a_queue_is_added_and_taken_from(worker: Any, ask: Any, count: Any, tell: Any) -> None:
    assert tell("add_consumer", "extra") == {"ok": "add consumer extra"}
    assert count.apply_async(queue="extra").get(timeout=SECONDS) == "counted"
    assert [queue["name"] for queue in ask.active_queues()[HOST]] == ["tests", "extra"]


def test_a_queue_is_taken_from_no_more_and_the_others_are(worker: Any, ask: Any, count: Any, tell: Any) -> None:
    tell("add_consumer", "extra")

    assert tell("cancel_consumer", "extra") == {"ok": "no longer consuming from extra"}
    assert [queue["name"] for queue in ask.active_queues()[HOST]] == ["tests"]
    assert count.delay().get(timeout=SECONDS) == "counted"


def test_events_of_tasks_are_enabled_and_disabled(hasty: Any, tell: Any) -> None:
    with start_worker(hasty, perform_ping_check=False, hostname=HOST, without_heartbeat=False):
        said = [tell(command)["ok"] for command in ("enable_events", "enable_events", "disable_events")]
        said.append(tell("disable_events")["ok"])

    assert [text.removeprefix("task events ") for text in said] == [
        "enabled",
        "already enabled",
        "disabled",
        "already disabled",
    ]


def test_a_worker_without_events_says_so(worker: Any, tell: Any) -> None:
    assert tell("enable_events") == {"error": "event dispatcher unavailable"}
    assert tell("disable_events") == {"error": "event dispatcher unavailable"}


def test_the_pool_is_asked_to_grow_and_to_shrink(worker: Any, tell: Any) -> None:
    assert tell("pool_grow", 2) == {"ok": "pool will grow"}
    assert tell("pool_shrink", 1) == {"ok": "pool will shrink"}
    assert worker.concurrency == 3


def test_what_is_not_supported_is_an_error_with_its_reason(worker: Any, tell: Any) -> None:
    assert "Autoscale not enabled" in str(tell("autoscale", 10, 3)["error"])
    assert "Pool restarts not enabled" in str(tell("pool_restart")["error"])


def test_shutdown_ends_the_worker_once_its_task_is_done(hasty: Any, lasting: Lasting) -> None:
    ended = threading.Event()

    def note(**kwargs: Any) -> None:
        ended.set()

    signals.worker_shutting_down.connect(note)
    try:
        with start_worker(hasty, perform_ping_check=False, hostname=HOST):
            result = lasting.begin()
            hasty.control.shutdown(destination=[HOST])
            assert ended.wait(SECONDS)
            lasting.go.set()
            assert result.get(timeout=SECONDS) == "done"
    finally:
        signals.worker_shutting_down.disconnect(note)


def test_a_command_of_the_applications_own_gets_state_and_arguments(worker: Any, hasty: Any, panel: None) -> None:
    @control_command(args=[("n", int)])
    def double(state: Any, n: int = 1) -> Any:
        return {"ok": [state.hostname, state.app.main, n * 2]}

    [answer] = hasty.control.broadcast("double", {"n": 4}, reply=True, timeout=SECONDS, limit=1)

    assert answer == {HOST: {"ok": [HOST, "tests", 8]}}


def test_a_command_that_raises_answers_with_the_error(worker: Any, hasty: Any, panel: None) -> None:
    @inspect_command(name="burst")
    def burst(state: Any) -> Any:
        raise ValueError("out of order")

    [answer] = hasty.control.broadcast("burst", reply=True, timeout=SECONDS, limit=1)

    assert "out of order" in str(answer[HOST]["error"])


def test_after_an_unknown_command_the_worker_still_hears(worker: Any, hasty: Any) -> None:
    hasty.control.broadcast("no_such_command", destination=[HOST])

    assert hasty.control.ping(timeout=SECONDS, limit=1) == [{HOST: {"ok": "pong"}}]


def test_a_command_is_described_by_its_docstring_and_known_by_its_alias(panel: None) -> None:
    @inspect_command(alias="peek", default_timeout=3.0)
    def look(state: Any) -> Any:
        """Look at it.

        Closely.
        """

    assert (Panel.meta["look"].type, Panel.meta["look"].help) == ("inspect", "Look at it.")
    assert Panel.meta["look"].default_timeout == 3.0
    assert Panel.data["peek"] is look


def test_purging_drops_what_waits(hasty: Any, count: Any) -> None:
    for _ in range(3):
        count.delay()

    assert hasty.control.purge() == 3
    assert hasty.control.purge() == 0


def test_each_command_is_a_function_of_the_module_too() -> None:
    aliases = {"dump_conf", "dump_active", "dump_reserved", "dump_revoked", "dump_schedule", "dump_tasks"}

    for name, function in Panel.data.items():
        if function.__module__.startswith("compat.") and name not in aliases:
            assert getattr(control, name) is function
