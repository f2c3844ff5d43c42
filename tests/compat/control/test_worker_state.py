"""What a worker process remembers, and the file it keeps it in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kombu.clocks import LamportClock

from compat.exceptions import ImproperlyConfigured, WorkerShutdown, WorkerTerminate
from compat.utils.collections import LimitedSet
from compat.worker import state


class Request:
    def __init__(self, id_: str) -> None:
        self.id = id_
        self.name = "t"


def test_a_request_is_reserved_then_active_then_gone() -> None:
    request = Request("1")
    state.task_reserved(request)
    assert (request in state.reserved_requests, request in state.active_requests) == (True, False)
    state.task_accepted(request)
    assert request in state.active_requests
    assert (state.total_count["t"], state.all_total_count) == (1, [1])
    state.task_ready(request, successful=True)
    assert (len(state.active_requests), len(state.reserved_requests), dict(state.requests)) == (0, 0, {})
    assert "1" in state.successful_requests


@pytest.mark.parametrize(
    ("name", "code", "error"),
    [
        ("should_stop", 0, WorkerShutdown),
        ("should_stop", True, WorkerShutdown),
        ("should_terminate", 3, WorkerTerminate),
    ],
)
def test_a_worker_that_shall_stop_is_told_so(
    monkeypatch: pytest.MonkeyPatch, name: str, code: Any, error: type[BaseException]
) -> None:
    state.maybe_shutdown()
    monkeypatch.setattr(state, name, code)

    with pytest.raises(error):
        state.maybe_shutdown()


def test_a_limit_from_the_environment_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_WORKER_REVOKES_MAX", "many")

    with pytest.raises(ImproperlyConfigured, match=r"CELERY_WORKER_REVOKES_MAX.*'many'"):
        state._env("CELERY_WORKER_REVOKES_MAX", 5, int, "int")
    assert state._env("CELERY_NO_SUCH_LIMIT", 5, int, "int") == 5


def test_what_was_revoked_outlives_the_process_in_a_file(tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    before = SimpleNamespace(revoked=LimitedSet())
    before.revoked.add("gone")
    clock: Any = LamportClock()  # type: ignore[no-untyped-call]
    clock.adjust(41)
    state.Persistent(before, file, clock).save()

    after, later = SimpleNamespace(revoked=LimitedSet()), LamportClock()  # type: ignore[no-untyped-call]
    kept = state.Persistent(after, file, later)
    kept.close()

    assert "gone" in after.revoked
    assert later.value > 41
