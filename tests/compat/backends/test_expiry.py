"""Results that are kept for a while, and compressed ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy

from compat import states
from compat.backends.base import compress_payload, decompress_payload
from compat.exceptions import ImproperlyConfigured
from tests.compat.backends.conftest import url_of
from tests.servers import unique

MakeApp = Callable[..., Any]
HOUR = 3600


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """In a directory, unless the test says otherwise."""
    return str(getattr(request, "param", "file"))


@pytest.fixture
def client(tmp_path: Path) -> Any:
    return redis_client(tmp_path)


def redis_client(directory: Path) -> Any:
    return redis.Redis.from_url(url_of("redis", directory))


on = pytest.mark.parametrize


@on("kind", ["redis"], indirect=True)
@on(("expires", "seconds"), [(HOUR, HOUR), (timedelta(hours=2), 2 * HOUR), (None, -1), (0, -1)])
def test_redis_forgets_a_result_after_so_many_seconds(
    make_app: MakeApp, client: Any, task_id: str, expires: Any, seconds: int
) -> None:
    make_app(result_expires=expires).backend.store_result(task_id, 5, states.SUCCESS)

    assert seconds - 5 <= client.ttl(f"celery-task-meta-{task_id}") <= seconds


@on("kind", ["redis"], indirect=True)
def test_redis_forgets_a_result_after_a_day_unless_told_otherwise(app: Any, client: Any, task_id: str) -> None:
    app.backend.store_result(task_id, 5, states.SUCCESS)

    assert 24 * HOUR - 5 <= client.ttl(f"celery-task-meta-{task_id}") <= 24 * HOUR


@on("kind", ["redis"], indirect=True)
def test_failures_may_be_kept_longer(make_app: MakeApp, client: Any, task_id: str) -> None:
    backend = make_app(result_expires=HOUR, result_failure_expires=9 * HOUR).backend
    backend.mark_as_failure(task_id, ValueError("bad"))

    assert 9 * HOUR - 5 <= client.ttl(f"celery-task-meta-{task_id}") <= 9 * HOUR


@on("kind", ["memory", "file", "sqlite"], indirect=True)
def test_where_failures_cannot_be_kept_longer_it_is_said(make_app: MakeApp) -> None:
    with pytest.warns(UserWarning, match="result_failure_expires"):
        make_app(result_failure_expires=HOUR).backend  # noqa: B018


@on("kind", ["file"], indirect=True)
def test_the_cleanup_removes_files_that_are_too_old_and_no_others(make_app: MakeApp, tmp_path: Path) -> None:
    backend = make_app(result_expires=HOUR).backend
    old, new = unique("old"), unique("new")
    for task_id in (old, new):
        backend.store_result(task_id, 5, states.SUCCESS)
    (tmp_path / "notes.txt").write_text("of somebody else")
    long_ago = time.time() - 2 * HOUR
    os.utime(tmp_path / f"celery-task-meta-{old}", (long_ago, long_ago))
    os.utime(tmp_path / "notes.txt", (long_ago, long_ago))

    backend.cleanup()

    assert sorted(file.name for file in tmp_path.iterdir()) == [f"celery-task-meta-{new}", "notes.txt"]


@on("kind", ["sqlite"], indirect=True)
def test_the_cleanup_removes_rows_that_are_too_old_and_no_others(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(result_expires=HOUR)
    old, new = unique("old"), unique("new")
    for task_id in (old, new):
        app.backend.store_result(task_id, 5, states.SUCCESS)
        app.GroupResult(task_id, []).save()
    long_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=2)
    engine = sqlalchemy.create_engine(url_of("sqlite", tmp_path).removeprefix("db+"))
    with engine.begin() as connection:
        for table, column in (("celery_taskmeta", "task_id"), ("celery_tasksetmeta", "taskset_id")):
            statement = sqlalchemy.text(f"UPDATE {table} SET date_done = :at WHERE {column} = :id")
            connection.execute(statement, {"at": long_ago, "id": old})

    app.tasks["celery.backend_cleanup"]()

    again = make_app(result_expires=HOUR)
    assert [again.AsyncResult(task_id).state for task_id in (old, new)] == [states.PENDING, states.SUCCESS]
    assert [again.GroupResult.restore(task_id) is None for task_id in (old, new)] == [True, False]


@on("kind", ["file", "sqlite"], indirect=True)
def test_what_never_expires_is_never_removed(make_app: MakeApp, task_id: str) -> None:
    backend = make_app(result_expires=None).backend
    backend.store_result(task_id, 5, states.SUCCESS)

    backend.cleanup()

    assert backend.task_result_exists(task_id)


@on("kind", ["file", "redis"], indirect=True)
@on("method", ["gzip", "bzip2", "zlib"])
def test_compressed_results_come_back_and_take_less(
    make_app: MakeApp, kind: str, tmp_path: Path, task_id: str, method: str
) -> None:
    backend = make_app(result_compression=method, result_cache_max=-1).backend
    backend.store_result(task_id, "a" * 10_000, states.SUCCESS)

    key = f"celery-task-meta-{task_id}"
    stored = (tmp_path / key).read_bytes() if kind == "file" else redis_client(tmp_path).get(key)
    assert len(stored) < 1000
    assert backend.get_result(task_id) == "a" * 10_000


def test_an_unknown_method_of_compression_is_refused_with_those_there_are(make_app: MakeApp) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"'squash'.*gzip"):
        make_app(result_compression="squash").backend  # noqa: B018


@on("kind", ["sqlite"], indirect=True)
def test_where_nothing_can_be_compressed_it_is_said(make_app: MakeApp, task_id: str) -> None:
    app = make_app(result_compression="gzip")
    with pytest.warns(UserWarning, match="result_compression"):
        app.backend.store_result(task_id, "a" * 1000, states.SUCCESS)

    assert app.backend.get_result(task_id) == "a" * 1000


def test_what_is_not_compressed_is_left_as_it_is() -> None:
    assert decompress_payload(compress_payload(b"text", "gzip")) == b"text"
    assert [decompress_payload(plain) for plain in (b"{}", "{}", None)] == [b"{}", "{}", None]
