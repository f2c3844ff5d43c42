"""What a worker answers."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compat.app.control import flatten_reply
from compat.exceptions import DuplicateNodenameWarning
from tests.compat.control.conftest import HOST, SECONDS, Lasting
from tests.fleet import wait_for


def test_nobody_answers_where_there_is_no_worker(hasty: Any) -> None:
    assert hasty.control.inspect(timeout=0.05).ping() is None
    assert hasty.control.ping(timeout=0.05) == []


def test_a_worker_answers_a_ping_under_its_name(hasty: Any, worker: Any) -> None:
    assert hasty.control.ping(timeout=SECONDS, limit=1) == [{HOST: {"ok": "pong"}}]


def test_one_worker_may_be_asked_by_its_name(hasty: Any, worker: Any) -> None:
    asked = hasty.control.inspect([HOST], timeout=SECONDS, limit=1)

    assert asked.ping() == {HOST: {"ok": "pong"}}
    assert hasty.control.inspect(["other@here"], timeout=0.1).ping() is None


def test_workers_may_be_asked_by_a_pattern(hasty: Any, worker: Any) -> None:
    matching = hasty.control.inspect(pattern="one@*", matcher="glob", timeout=SECONDS, limit=1)

    assert matching.ping() == {HOST: {"ok": "pong"}}
    assert hasty.control.inspect(pattern="two@*", matcher="glob", timeout=0.1).ping() is None


def test_a_callback_is_called_with_each_answer(hasty: Any, worker: Any) -> None:
    told: list[Any] = []
    hasty.control.broadcast("ping", reply=True, timeout=SECONDS, limit=1, callback=told.append)

    assert told == [{HOST: {"ok": "pong"}}]


def test_what_runs_is_active_with_its_arguments(worker: Any, ask: Any, lasting: Lasting) -> None:
    result = lasting.begin(1, "two")
    [active] = ask.active()[HOST]

    assert (active["id"], active["name"], active["args"]) == (result.id, "lasting", [1, "two"])
    assert (active["hostname"], active["worker_pid"]) == (HOST, os.getpid())
    assert active["delivery_info"]["routing_key"] == "tests"
    assert active["acknowledged"] is True
    lasting.go.set()
    assert result.get(timeout=SECONDS) == "done"


def test_what_is_done_is_active_no_more_and_counted(worker: Any, ask: Any, lasting: Lasting) -> None:
    lasting.go.set()
    lasting.task.delay().get(timeout=SECONDS)

    assert ask.reserved() == {HOST: []}
    assert ask.stats()[HOST]["total"] == {"lasting": 1}


def test_what_waits_for_its_time_is_scheduled(worker: Any, ask: Any, lasting: Lasting) -> None:
    when = datetime.now(UTC) + timedelta(hours=1)
    result = lasting.task.apply_async((5,), eta=when, shadow="shown")
    [waiting] = ask.scheduled()[HOST]

    assert (waiting["request"]["name"], waiting["request"]["type"]) == ("shown", "lasting")
    assert (waiting["request"]["id"], waiting["request"]["args"]) == (result.id, [5])
    assert datetime.fromisoformat(waiting["eta"]) == when


def test_tasks_may_be_asked_for_by_their_ids(worker: Any, ask: Any, lasting: Lasting) -> None:
    result = lasting.begin()
    answer = ask.query_task(result.id, "no-such-id")[HOST]

    assert list(answer) == [result.id]
    assert (answer[result.id][0], answer[result.id][1]["name"]) == ("active", "lasting")


def test_a_task_that_waits_for_its_time_is_found_by_its_id(worker: Any, ask: Any, lasting: Lasting) -> None:
    waiting, running = lasting.task.apply_async((5,), countdown=3600), lasting.begin()
    wait_for(lambda: ask.query_task(waiting.id)[HOST], what="it in the ledger")
    answer = ask.query_task(waiting.id, running.id)[HOST]

    assert {id_: state for id_, (state, _) in answer.items()} == {waiting.id: "scheduled", running.id: "active"}
    assert answer[waiting.id][1]["args"] == [5]


def test_registered_tasks_are_listed_with_the_attributes_that_are_asked_for(hasty: Any, worker: Any, ask: Any) -> None:
    @hasty.task(name="shop.count", rate_limit="5/m", max_retries=7, lazy=False)
    def count() -> None: ...

    assert "shop.count [rate_limit=5/m]" in ask.registered()[HOST]
    assert "shop.count [max_retries=7]" in ask.registered("max_retries", "_private")[HOST]
    assert not [line for line in ask.registered()[HOST] if line.startswith("celery.")]


def test_statistics_say_how_the_worker_is(worker: Any, ask: Any) -> None:
    stats = ask.stats()[HOST]

    assert (stats["pid"], stats["pool"]["max-concurrency"], stats["prefetch_count"]) == (os.getpid(), 2, 2)
    assert stats["broker"]["transport"] == "memory"
    assert "password" not in stats["broker"]
    assert stats["rusage"]["maxrss"] > 0


def test_the_configuration_is_answered_without_defaults_and_secrets(hasty: Any, worker: Any, ask: Any) -> None:
    hasty.conf.update(redis_password="s3cret", task_acks_late=True)
    plain, full = ask.conf()[HOST], ask.conf(with_defaults=True)[HOST]

    assert plain["task_acks_late"] is True
    assert "s3cret" not in str(plain)
    assert "task_track_started" not in plain
    assert full["task_track_started"] is False


def test_queues_are_described_as_kombu_describes_them(worker: Any, ask: Any) -> None:
    [queue] = ask.active_queues()[HOST]

    assert (queue["name"], queue["routing_key"]) == ("tests", "tests")
    assert (queue["exchange"]["name"], queue["exchange"]["type"]) == ("tests", "direct")


def test_the_report_is_a_text_with_versions(worker: Any, ask: Any) -> None:
    assert "kombu" in ask.report()[HOST]["ok"]


def test_the_clock_goes_on(worker: Any, ask: Any) -> None:
    first = ask.clock()[HOST]["clock"]

    assert ask.clock()[HOST]["clock"] > first


def test_another_worker_is_told_what_was_revoked_and_tells_what_it_knows(worker: Any, ask: Any) -> None:
    told = ask.hello("two@here", revoked=["mine"])[HOST]

    assert told["revoked"] == ["mine"]
    assert told["clock"] > 0
    assert ask.revoked() == {HOST: ["mine"]}


def test_memory_is_told_in_megabytes(worker: Any, ask: Any) -> None:
    assert ask.memsample()[HOST].endswith("MB")


def test_two_answers_of_one_name_are_warned_of() -> None:
    with pytest.warns(DuplicateNodenameWarning, match=r"multiple replies from node name: one@here"):
        assert flatten_reply([{HOST: 1}, {HOST: 2}]) == {HOST: 2}
