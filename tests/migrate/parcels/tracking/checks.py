"""Tests of the project, with Celery's names in texts."""

from unittest import mock

import pytest

pytest_plugins = ("celery.contrib.pytest",)


@pytest.fixture
def celery_config():
    return {"task_always_eager": True}


def check_sends():
    with mock.patch("celery.app.task.Task.apply_async") as send:
        assert not send.called
