"""Tasks that shall not run, and tasks that shall run no longer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from compat import signals, states
from compat.app.task import Context
from compat.exceptions import TaskRevokedError
from compat.worker import state
from pyramid_scheduler.api import JobTerminated
from tests.compat.control.conftest import HOST, SECONDS, Lasting


@pytest.fixture
def revocations() -> Iterator[Any]:
    """``wait()`` returns the request and the reasons of the next revocation."""
    told, seen = threading.Event(), []

    def note(**kwargs: Any) -> None:
        seen.append(kwargs)
        told.set()

    def wait() -> dict[str, Any]:
        assert told.wait(SECONDS)
        return seen[0]

    signals.task_revoked.connect(note)
    yield wait
    signals.task_revoked.disconnect(note)


def test_a_task_that_was_revoked_before_it_came_does_not_run(hasty: Any, lasting: Lasting, request: Any) -> None:
    hasty.control.revoke("early")
    worker = request.getfixturevalue("worker")
    result = lasting.task.apply_async(task_id="early")

    with pytest.raises(TaskRevokedError):
        result.get(timeout=SECONDS)
    assert worker.hostname == HOST
    assert not lasting.started.is_set()


def test_a_task_that_is_ended_in_the_moment_it_is_taken_up_is_not_active_for_ever(
    worker: Any, lasting: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Count(Counter[str]):
        def __setitem__(self, name: str, count: int) -> None:
            raise JobTerminated(15)

    monkeypatch.setattr(state, "total_count", Count())
    with pytest.raises(TaskRevokedError):
        lasting.task.delay().get(timeout=SECONDS)

    assert (state.active_requests, state.requests) == (set(), {})


def test_several_are_revoked_at_once_and_known_to_the_worker(hasty: Any, worker: Any, ask: Any) -> None:
    [answer] = hasty.control.revoke(["a", "b"], reply=True, timeout=SECONDS, limit=1)

    assert "flagged as revoked" in answer[HOST]["ok"]
    assert sorted(ask.revoked()[HOST]) == ["a", "b"]


def test_a_revocation_is_the_result_of_a_task_that_waits(hasty: Any, worker: Any, lasting: Lasting) -> None:
    result = lasting.task.apply_async(countdown=3600)
    hasty.control.revoke(result.id, reply=True, timeout=SECONDS, limit=1)

    assert result.state == states.REVOKED
    with pytest.raises(TaskRevokedError, match="revoked"):
        result.get(timeout=SECONDS)


def test_a_running_task_goes_on_when_it_is_merely_revoked(hasty: Any, worker: Any, lasting: Lasting) -> None:
    result = lasting.begin()
    hasty.control.revoke(result.id, reply=True, timeout=SECONDS, limit=1)
    lasting.go.set()

    assert result.get(timeout=SECONDS) == "done"


def test_a_running_task_is_terminated(hasty: Any, worker: Any, lasting: Lasting, revocations: Any) -> None:
    result = lasting.begin()
    [answer] = hasty.control.terminate(result.id, reply=True, timeout=SECONDS, limit=1)
    told = revocations()

    assert answer[HOST] == {"ok": f"terminate: {result.id}"}
    assert (told["request"].id, told["terminated"], told["expired"]) == (result.id, True, False)
    assert isinstance(told["request"], Context)
    assert told["request"].task == lasting.task.name
    with pytest.raises(TaskRevokedError, match="terminated"):
        result.get(timeout=SECONDS)


def test_it_is_told_that_a_task_was_terminated_though_another_worker_knows_it_as_revoked_only(
    hasty: Any, worker: Any, lasting: Lasting, revocations: Any
) -> None:
    result = lasting.begin()
    hasty.backend.mark_as_revoked(result.id, "revoked")  # all are asked, and most do not run it
    hasty.control.terminate(result.id, reply=True, timeout=SECONDS, limit=1)

    assert revocations()["terminated"] is True
    with pytest.raises(TaskRevokedError, match="terminated"):
        result.get(timeout=SECONDS)


def test_terminating_a_task_that_nobody_knows_says_so(hasty: Any, worker: Any) -> None:
    [answer] = hasty.control.terminate("nobody", reply=True, timeout=SECONDS, limit=1)

    assert answer[HOST] == {"ok": "terminate: tasks unknown"}


def test_tasks_are_revoked_by_their_stamps(hasty: Any, worker: Any, lasting: Lasting, revocations: Any) -> None:
    hasty.control.revoke_by_stamped_headers({"customer": ["acme"]}, reply=True, timeout=SECONDS, limit=1)
    lasting.go.set()
    spared = lasting.task.apply_async(stamped_headers=["customer"], customer="other")
    revoked = lasting.task.apply_async(stamped_headers=["customer"], customer="acme")

    assert revocations()["request"].id == revoked.id
    assert revoked.state == states.REVOKED
    assert spared.get(timeout=SECONDS) == "done"


def test_a_running_task_is_terminated_by_its_stamp(hasty: Any, worker: Any, lasting: Lasting, revocations: Any) -> None:
    result = lasting.begin(stamped_headers=["customer"], customer="acme")
    hasty.control.revoke_by_stamped_headers({"customer": "acme"}, terminate=True, reply=True, timeout=SECONDS, limit=1)

    assert revocations()["terminated"] is True
    assert result.state == states.REVOKED


def test_a_result_revokes_and_terminates_its_task(worker: Any, lasting: Lasting, revocations: Any) -> None:
    result = lasting.begin()
    result.revoke(terminate=True, signal="KILL")

    assert revocations()["request"].id == result.id


def test_the_revoked_ids_are_forgotten_with_the_state() -> None:
    state.revoked.add("x")
    state.revoked_stamps["customer"] = ["acme"]
    state.reset_state()

    assert not state.revoked
    assert not state.revoked_stamps
