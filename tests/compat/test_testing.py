"""What applications test with: apps, workers, fixtures, messages."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import compat
from compat import _state
from compat.contrib.testing.app import TestApp, set_trap, setup_default_app
from compat.contrib.testing.mocks import ContextMock, TaskMessage, TaskMessage1, task_message_from_sig
from compat.contrib.testing.worker import start_worker

SECONDS = 10
SUITE = """
import pytest

pytest_plugins = ("compat.contrib.pytest",)


@pytest.fixture(scope="session")
def celery_config():
    return {"task_default_queue": "fixtures", "task_acks_late": True}


@pytest.fixture(scope="session")
def celery_parameters():
    return {"strict_typing": False}


def test_settings_and_parameters_are_those_of_the_fixtures(celery_app):
    assert celery_app.conf.task_acks_late is True
    assert celery_app.strict_typing is False


@pytest.mark.celery(task_acks_late=False, result_expires=5)
def test_a_mark_overrides_settings(celery_app):
    assert celery_app.conf.task_acks_late is False
    assert celery_app.conf.result_expires == 5


def test_a_worker_runs_tasks(celery_app, celery_worker):
    @celery_app.task
    def add(x, y):
        return x + y

    celery_worker.reload()
    assert add.delay(1, 2).get(timeout=10) == 3


def test_a_worker_may_last_for_the_session(celery_session_app, celery_session_worker):
    @celery_session_app.task
    def double(x):
        return 2 * x

    assert double.delay(2).get(timeout=10) == 4


def test_the_app_may_be_made_current(celery_app, depends_on_current_app):
    from compat import current_app

    assert current_app._get_current_object() is celery_app
"""


def test_the_fixtures_do_what_those_of_celery_do(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    root = Path(compat.__file__).parent.parent
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", "test_suite.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": ""}, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_an_app_for_tests_stays_in_memory() -> None:
    made = TestApp("mine", config={"task_acks_late": True})

    assert (made.conf.broker_url, made.conf.result_backend) == ("memory://", "cache+memory://")
    assert (made.main, made.conf.task_acks_late, made.conf.timezone) == ("mine", True, "UTC")
    assert TestApp("other", broker="redis://elsewhere").conf.broker_url == "redis://elsewhere"


def test_the_current_app_is_put_back(app: Any) -> None:
    made = TestApp("inner")
    with setup_default_app(made):
        made.set_current()
        made.set_default()
        assert compat.current_app._get_current_object() is made

    assert compat.current_app._get_current_object() is app


def test_within_a_trap_the_current_app_cannot_be_used(app: Any) -> None:
    with set_trap(app), pytest.raises(RuntimeError, match="depends on current_app"):
        _state.get_current_app().conf  # noqa: B018
    assert _state.get_current_app() is app


def test_a_ping_is_run_before_the_worker_is_handed_over(app: Any) -> None:
    with start_worker(app, ping_task_timeout=SECONDS) as worker:
        assert worker.stats()["total"]["celery.ping"] >= 1


def test_a_worker_that_is_still_at_a_task_in_the_end_is_an_error(app: Any) -> None:
    started, go = threading.Event(), threading.Event()

    @app.task
    def endless() -> None:
        started.set()
        go.wait(SECONDS)

    def leave_too_early() -> None:
        with start_worker(app, perform_ping_check=False, shutdown_timeout=0.1):
            endless.delay()
            assert started.wait(SECONDS)

    with pytest.raises(RuntimeError, match="shutdown_timeout"):
        leave_too_early()
    go.set()
    for thread in threading.enumerate():
        if thread.name == "compat-test-worker":
            thread.join(SECONDS)


def test_messages_look_like_received_ones() -> None:
    message = TaskMessage("shop.add", id="1", args=(1,), kwargs={"x": 2}, eta="later")
    old = TaskMessage1("shop.add", id="1", args=(1,))

    assert (message.headers["task"], message.headers["eta"], message.payload[:2]) == (
        "shop.add",
        "later",
        ((1,), {"x": 2}),
    )
    assert message.properties["correlation_id"] == "1"
    assert (old.headers, old.payload["task"], old.payload["args"]) == ({}, "shop.add", (1,))


def test_a_message_is_made_of_a_signature(app: Any) -> None:
    sig = app.signature("shop.add", (1,)).set(countdown=60, expires=120)
    sig.link(app.signature("shop.told"))
    message = task_message_from_sig(app, sig)
    eta, expires = (datetime.fromisoformat(message.headers[name]) for name in ("eta", "expires"))

    assert message.headers["id"] == sig.id
    assert timedelta(seconds=59) < expires - eta < timedelta(seconds=61)
    assert message.payload[2]["callbacks"][0]["task"] == "shop.told"


def test_a_mock_may_be_entered() -> None:
    with ContextMock(answer=42) as mock:
        assert mock.answer == 42
