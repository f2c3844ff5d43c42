"""The picture of workers and tasks that events paint."""

from __future__ import annotations

import pickle
import time
from itertools import count
from typing import Any

import pytest

from compat.events.state import State, Task, Worker, heartbeat_expires


class Story:
    """Events, one second and one tick of the clock apart."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self._ticks = count(1)
        self._now = time.time()

    def worker(self, subject: str, host: str = "one@here", **fields: Any) -> Any:
        return self._tell(f"worker-{subject}", hostname=host, **fields)

    def task(self, subject: str, uuid: str, host: str = "one@here", **fields: Any) -> Any:
        return self._tell(f"task-{subject}", hostname=host, uuid=uuid, **fields)

    def _tell(self, type_: str, **fields: Any) -> Any:
        tick = next(self._ticks)
        moment = self._now + tick
        return self.state.event(
            {"type": type_, "timestamp": moment, "local_received": moment, "clock": tick, "pid": 1, **fields}
        )


@pytest.fixture
def story() -> Story:
    return Story()


def ids(pairs: Any) -> list[str]:
    return [uuid for uuid, _ in pairs]


def test_a_worker_is_alive_from_its_first_heartbeat_until_it_leaves(story: Story) -> None:
    (worker, created), subject = story.worker("online", freq=2, active=3)
    assert (created, subject, worker.alive, worker.active, worker.status_string) == (True, "online", True, 3, "ONLINE")
    assert list(story.state.alive_workers()) == [worker]
    story.worker("offline")

    assert (worker.alive, worker.status_string) == (False, "OFFLINE")
    assert list(story.state.alive_workers()) == []


def test_a_worker_that_missed_two_heartbeats_is_gone(story: Story) -> None:
    worker = Worker("one@here", freq=10)
    worker.event("heartbeat", time.time() - 21, time.time() - 21)
    assert not worker.alive
    worker.event("heartbeat", time.time() - 19, time.time() - 19)
    assert worker.alive


def test_a_heartbeat_lasts_for_twice_its_period() -> None:
    assert heartbeat_expires(100.0, 10) == 120.0
    assert heartbeat_expires(100.0, 10, 50) == 105.0


def test_only_the_newest_heartbeats_are_kept(story: Story) -> None:
    for _ in range(9):
        story.worker("heartbeat")

    assert len(story.state.workers["one@here"].heartbeats) == Worker.heartbeat_max


def test_a_worker_whose_clock_is_wrong_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", logger="celery")
    worker = Worker("odd@here")
    for _ in range(2):
        worker.event("heartbeat", 1000.0, 1100.0)

    assert caplog.text.count("odd@here") == 1


def test_joining_and_leaving_are_told() -> None:
    told: list[tuple[str, str]] = []
    state = State(
        on_node_join=lambda worker: told.append(("join", worker.hostname)),
        on_node_leave=lambda worker: told.append(("leave", worker.hostname)),
    )
    story = Story(state)
    story.worker("online")
    story.worker("heartbeat")
    story.worker("offline")

    assert told == [("join", "one@here"), ("leave", "one@here")]
    assert "one@here" not in state.workers


def test_a_task_goes_through_its_states(story: Story) -> None:
    states = []
    for subject, fields in (
        ("sent", {"name": "t"}),
        ("received", {"name": "t", "args": "(1,)"}),
        ("started", {}),
        ("succeeded", {"result": "1", "runtime": 0.5}),
    ):
        (task, _), _ = story.task(subject, "1", **fields)
        states.append(task.state)

    assert states == ["PENDING", "RECEIVED", "STARTED", "SUCCESS"]
    assert (task.name, task.args, task.result, task.ready) == ("t", "(1,)", "1", True)
    assert task.sent < task.received < task.started < task.succeeded


def test_a_late_event_does_not_turn_a_task_back(story: Story) -> None:
    story.task("succeeded", "1", result="1")
    story.task("received", "1", name="t", args="(1,)", result="nonsense")
    task = story.state.tasks["1"]

    assert (task.state, task.name, task.args, task.result) == ("SUCCESS", "t", "(1,)", "1")


def test_a_retry_starts_a_task_over(story: Story) -> None:
    for subject in ("received", "started", "retried", "received", "started"):
        story.task(subject, "1", name="t")

    assert story.state.tasks["1"].state == "STARTED"


def test_an_event_of_the_applications_own_is_a_state_of_the_task(story: Story) -> None:
    story.task("halfway", "1", percent=50)

    assert (story.state.tasks["1"].state, story.state.tasks["1"].percent) == ("HALFWAY", 50)


def test_tasks_come_by_time_newest_first(story: Story) -> None:
    for uuid in ("1", "2", "3"):
        story.task("received", uuid, name="t")
    story.task("started", "1")

    assert ids(story.state.tasks_by_time()) == ["1", "3", "2"]
    assert ids(story.state.tasks_by_time(limit=2)) == ["1", "3"]
    assert ids(story.state.tasks_by_time(reverse=False)) == ["1", "2", "3"]


def test_the_logical_clock_orders_tasks_and_not_the_clock_on_the_wall(story: Story) -> None:
    story.task("received", "late", name="t", clock=90, timestamp=1.0)
    story.task("received", "early", name="t", clock=10, timestamp=9999.0)

    assert ids(story.state.tasks_by_time()) == ["late", "early"]


def test_tasks_come_by_type_and_by_worker(story: Story) -> None:
    story.task("received", "1", name="a", host="one@here")
    story.task("received", "2", name="b", host="two@here")
    story.task("received", "3", name="a", host="two@here")
    state = story.state

    assert ids(state.tasks_by_type("a")) == ["3", "1"]
    assert ids(state.tasks_by_type("a", limit=1)) == ["3"]
    assert ids(state.tasks_by_worker("two@here")) == ["3", "2"]
    assert {task.id for task in state.tasks_by_type["a"]} == {"1", "3"}
    assert state.task_types() == ["a", "b"]


def test_a_task_knows_its_worker_or_the_client_that_sent_it(story: Story) -> None:
    story.task("sent", "1", host="client@here", name="t")
    assert story.state.tasks["1"].origin == "client@here"
    story.worker("online")
    story.task("received", "1", name="t")

    assert story.state.tasks["1"].worker.hostname == "one@here"
    assert story.state.tasks["1"].origin == "one@here.1"


def test_children_find_their_parent_in_either_order(story: Story) -> None:
    story.task("received", "before", name="t", parent_id="parent", root_id="parent")
    story.task("received", "parent", name="t")
    story.task("received", "after", name="t", parent_id="parent", root_id="parent")
    parent = story.state.tasks["parent"]

    assert {task.id for task in parent.children} == {"before", "after"}
    assert story.state.tasks["after"].parent is parent
    assert story.state.tasks["after"].root is parent


def test_the_oldest_tasks_are_forgotten_beyond_the_limit() -> None:
    story = Story(State(max_tasks_in_memory=3))
    for number in range(5):
        story.task("received", str(number), name="t")

    assert sorted(story.state.tasks) == ["2", "3", "4"]
    assert ids(story.state.tasks_by_time()) == ["4", "3", "2"]


def test_the_oldest_workers_are_forgotten_beyond_the_limit() -> None:
    story = Story(State(max_workers_in_memory=2))
    for host in ("a", "b", "c"):
        story.worker("online", host)

    assert sorted(story.state.workers) == ["b", "c"]


def test_finished_tasks_are_forgotten_and_running_ones_are_not(story: Story) -> None:
    story.task("succeeded", "done", name="t")
    story.task("started", "running", name="t")
    story.state.clear_tasks()
    assert list(story.state.tasks) == ["running"]
    story.state.clear(ready=False)

    assert (len(story.state.tasks), len(story.state.workers), story.state.event_count) == (0, 0, 0)


def test_a_function_may_look_while_no_event_comes_in_and_all_is_forgotten_after(story: Story) -> None:
    story.task("succeeded", "1", name="t")

    assert story.state.freeze_while(lambda: len(story.state.tasks), clear_after=True) == 1
    assert len(story.state.tasks) == 0


def test_events_and_received_tasks_are_counted(story: Story) -> None:
    story.worker("online")
    story.task("received", "1", name="t")
    story.task("started", "1")

    assert (story.state.event_count, story.state.task_count) == (3, 1)
    assert repr(story.state) == "<State: events=3 tasks=1>"


def test_a_callback_sees_every_event_and_a_group_may_have_its_own_handler() -> None:
    seen: list[str] = []
    state = State(callback=lambda state, event: seen.append(event["type"]))
    state.handlers["shop"] = lambda subject, event: (subject, event["n"])

    assert state.event({"type": "shop-opened", "n": 1}) == (("opened", 1), "opened")
    assert state.event({"type": "unknown-thing"}) is None
    assert seen == ["shop-opened", "unknown-thing"]


def test_a_state_comes_back_from_a_pickle(story: Story) -> None:
    story.worker("online", freq=3)
    story.task("received", "1", name="t", args="()")
    story.task("received", "2", name="t", parent_id="1")
    again = pickle.loads(pickle.dumps(story.state))

    assert (sorted(again.tasks), again.tasks["1"].args, again.workers["one@here"].freq) == (["1", "2"], "()", 3)
    assert ids(again.tasks_by_time()) == ["2", "1"]


def test_a_task_tells_what_is_known_of_it(story: Story) -> None:
    story.task("received", "1", name="t", args="(1,)", retries=0)
    task = story.state.tasks["1"]

    assert task.info() == {"args": "(1,)", "retries": 0}
    assert task.info(["state"], extra=["name"]) == {"state": "RECEIVED", "name": "t"}
    assert task.as_dict()["uuid"] == "1"
    assert task == Task("1")
    assert task != Task("2")
