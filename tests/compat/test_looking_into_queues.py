"""Programs that look into Celery's queues on Redis, without Celery and without Kombu: monitors, autoscalers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from compat.contrib.testing.app import TestApp
from tests import servers

See = Callable[[], dict[str, Any]]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with servers.fresh_broker("redis", tmp_path) as url:
        yield url


@pytest.fixture
def task(url: str) -> Iterator[Any]:
    app = TestApp(broker=url, config={"task_default_queue": servers.unique("seen")})

    @app.task(name="tests.take", shared=False)
    def take(*args: Any, **kwargs: Any) -> None: ...

    with app:
        yield take


@pytest.fixture
def see(url: str, task: Any) -> Iterator[See]:
    """Takes the next message out of the queue."""
    with closing(redis.Redis.from_url(url)) as client:
        name = task.app.conf.task_default_queue
        yield lambda: json.loads(client.rpop(name))
        client.delete(name)


def test_the_body_is_in_base64_as_kombu_writes_it(task: Any, see: See) -> None:
    for _ in range(2):  # the second goes the short way
        task.delay("ä", k=1)
        seen = see()
        assert seen["properties"]["body_encoding"] == "base64"
        assert json.loads(base64.b64decode(seen["body"], validate=True))[:2] == [["ä"], {"k": 1}]
