"""Retries by declaration, and what a run tells while it lasts."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import signals, states
from compat.app.trace import build_tracer
from compat.contrib.testing.worker import start_worker
from compat.exceptions import Ignore
from tests.compat.arithmetic import value


@pytest.mark.parametrize(
    ("options", "delays"),
    [
        ({"retry_backoff": True, "retry_jitter": False}, [1, 2, 4]),
        ({"retry_backoff": 3, "retry_jitter": False}, [3, 6, 12]),
        ({"retry_backoff": 3, "retry_backoff_max": 5, "retry_jitter": False}, [3, 5, 5]),
        ({"retry_kwargs": {"countdown": 7}}, [7, 7, 7]),
        ({}, [180, 180, 180]),
        ({"default_retry_delay": 9}, [9, 9, 9]),
    ],
    ids=str,
)
def test_retries_by_declaration_come_after(
    app: Any, mocker: MockerFixture, options: dict[str, Any], delays: list[int]
) -> None:
    @app.task(autoretry_for=(KeyError,), shared=False, **options)
    def flaky() -> None:
        raise KeyError

    again = mocker.patch.object(app.Task, "apply_async")
    for retries in range(3):
        build_tracer(flaky.name, flaky, app=app)("one", (), {}, {"id": "one", "retries": retries, "delivery_info": {}})

    assert [call.kwargs["countdown"] for call in again.call_args_list] == delays


def test_with_jitter_a_delay_is_anything_up_to_the_backoff(app: Any, mocker: MockerFixture) -> None:
    draw = mocker.patch("random.randrange", return_value=2)

    @app.task(autoretry_for=(KeyError,), retry_backoff=4, shared=False)
    def flaky() -> None:
        raise KeyError

    again = mocker.patch.object(app.Task, "apply_async")
    build_tracer(flaky.name, flaky, app=app)("one", (), {}, {"id": "one", "retries": 1, "delivery_info": {}})

    draw.assert_called_once_with(9)
    assert again.call_args.kwargs["countdown"] == 2


def test_a_task_that_wants_to_be_ignored_is_not_retried(app: Any) -> None:
    runs: list[int] = []

    @app.task(autoretry_for=(Exception,), shared=False)
    def aside() -> None:
        runs.append(1)
        raise Ignore

    assert (aside.apply().state, len(runs)) == (states.IGNORED, 1)


def test_a_base_class_may_declare_the_retries(app: Any) -> None:
    runs: list[int] = []

    class Base(app.Task):  # type: ignore[misc,name-defined]
        autoretry_for = (KeyError,)
        max_retries = 2

    @app.task(base=Base, shared=False)
    def flaky() -> None:
        runs.append(1)
        raise KeyError

    flaky.apply()

    assert len(runs) == 3


def test_a_coroutine_that_raises_fails_the_task(app: Any) -> None:
    @app.task(shared=False)
    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise KeyError("after a while")

    assert repr(wait.apply((0,)).result) == "KeyError('after a while')"


def test_an_own_state_can_be_seen_while_the_task_runs(app: Any) -> None:
    seen, halfway = threading.Event(), threading.Event()

    @app.task(bind=True, shared=False, name="progress")
    def progress(self: Any) -> str:
        self.update_state(state="HALFWAY", meta={"at": 50})
        halfway.set()
        seen.wait(10)
        return "done"

    app.finalize()
    with start_worker(app, perform_ping_check=False):
        result = progress.delay()
        assert halfway.wait(10)
        assert (result.state, result.info) == ("HALFWAY", {"at": 50})
        seen.set()
        assert value(result) == "done"


def test_signals_of_a_retry_and_a_failure_name_the_error(app: Any, mocker: MockerFixture) -> None:
    heard: list[tuple[str, str]] = []

    @app.task(bind=True, shared=False, max_retries=1)
    def flaky(self: Any) -> None:
        raise self.retry(exc=KeyError("gone"), countdown=0)

    def retried(request: Any, reason: Any, **_: Any) -> None:
        heard.append(("retry", repr(reason.exc)))

    def failed(task_id: str, exception: Any, **_: Any) -> None:
        heard.append(("failure", repr(exception)))

    signals.task_retry.connect(retried)
    signals.task_failure.connect(failed)
    flaky.apply()

    assert heard == [("retry", "KeyError('gone')"), ("failure", "KeyError('gone')")]
