"""What is kept, and under which names: real Celery reads what is written here, and the other way round."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy

from compat import states
from compat.app.task import Context
from tests import servers
from tests.compat.backends.conftest import url_of
from tests.servers import unique

MakeApp = Callable[..., Any]
KEPT = ("file", "sqlite", "redis")


@pytest.fixture(params=KEPT)
def kind(request: pytest.FixtureRequest) -> str:
    """Memory is a process's own."""
    return str(request.param)


@pytest.fixture
def make_theirs(kind: str, tmp_path: Path) -> MakeApp:
    """Makes real Celery's apps on the same place."""
    celery = pytest.importorskip("celery")

    def make(**config: Any) -> Any:
        theirs = celery.Celery("theirs", backend=url_of(kind, tmp_path), set_as_current=False)
        theirs.conf.update(config)
        return theirs

    return make


@pytest.fixture(params=["ours to theirs", "theirs to ours"])
def ends(request: pytest.FixtureRequest, make_app: MakeApp, make_theirs: MakeApp) -> Callable[..., tuple[Any, Any]]:
    """(app that writes, app that reads)."""

    def make(**config: Any) -> tuple[Any, Any]:
        ours, theirs = make_app(**config), make_theirs(**config)
        return (ours, theirs) if request.param == "ours to theirs" else (theirs, ours)

    return make


Ends = Callable[..., tuple[Any, Any]]


def test_a_result_crosses(ends: Ends, task_id: str) -> None:
    writer, reader = ends()
    writer.backend.store_result(task_id, {"a": [1, "ü", None]}, states.SUCCESS)

    assert reader.AsyncResult(task_id).get(timeout=5) == {"a": [1, "ü", None]}


def test_an_error_crosses(ends: Ends, task_id: str) -> None:
    writer, reader = ends()
    writer.backend.mark_as_failure(task_id, KeyError("gone", 3), traceback="File …")

    result = reader.AsyncResult(task_id)
    assert (repr(result.result), result.state, result.traceback) == ("KeyError('gone', 3)", states.FAILURE, "File …")


def test_an_own_state_crosses(ends: Ends, task_id: str) -> None:
    writer, reader = ends()
    writer.backend.store_result(task_id, {"done": 50}, "HALFWAY")

    assert (reader.AsyncResult(task_id).state, reader.AsyncResult(task_id).info) == ("HALFWAY", {"done": 50})


def test_a_group_crosses_with_its_parent(ends: Ends) -> None:
    writer, reader = ends()
    group_id = unique("group")
    parts = [writer.AsyncResult(unique("part")) for _ in range(3)]
    writer.GroupResult(group_id, parts, parent=writer.AsyncResult("parent")).save()

    restored = reader.GroupResult.restore(group_id)
    assert ([part.id for part in restored], restored.parent.id) == ([part.id for part in parts], "parent")


def test_children_cross(ends: Ends, task_id: str) -> None:
    writer, reader = ends()
    request = Context(id=task_id)
    request._children = [writer.AsyncResult("child")]
    writer.backend.mark_as_done(task_id, 1, request=request)

    assert [child.id for child in reader.AsyncResult(task_id).children] == ["child"]


def test_the_call_and_its_stamps_cross(ends: Ends, task_id: str) -> None:
    writer, reader = ends(result_extended=True)
    request = Context(
        id=task_id,
        task="shop.pay",
        args=[1],
        kwargs={"by": "card"},
        hostname="here",
        retries=1,
        stamped_headers=["tenant"],
        stamps={"tenant": "a"},
        delivery_info={"routing_key": "slow"},
    )
    writer.backend.mark_as_done(task_id, "paid", request=request)

    meta = reader.backend.get_task_meta(task_id)
    assert {key: meta[key] for key in ("name", "args", "kwargs", "worker", "retries", "queue", "tenant")} == {
        "name": "shop.pay",
        "args": [1],
        "kwargs": {"by": "card"},
        "worker": "here",
        "retries": 1,
        "queue": "slow",
        "tenant": "a",
    }


@pytest.mark.parametrize("serializer", ["pickle", "yaml"])
def test_other_serializers_cross(ends: Ends, task_id: str, serializer: str) -> None:
    writer, reader = ends(result_serializer=serializer, accept_content=["json", serializer])
    writer.backend.store_result(task_id, {"a": 1}, states.SUCCESS)
    failed = unique("task")
    writer.backend.mark_as_failure(failed, ValueError("bad"))

    assert reader.backend.get_result(task_id) == {"a": 1}
    assert repr(reader.backend.get_result(failed)) == "ValueError('bad')"


@pytest.mark.filterwarnings("ignore:.*compress:UserWarning")
def test_what_is_compressed_crosses(ends: Ends, task_id: str) -> None:
    writer, reader = ends(result_compression="gzip")
    writer.backend.store_result(task_id, "a" * 1000, states.SUCCESS)

    assert reader.backend.get_result(task_id) == "a" * 1000


@pytest.mark.parametrize("kind", ["file", "redis"], indirect=True)
def test_what_was_compressed_is_read_where_nothing_is_compressed(
    make_app: MakeApp, make_theirs: MakeApp, task_id: str
) -> None:
    make_app(result_compression="bzip2").backend.store_result(task_id, "a" * 1000, states.SUCCESS)

    assert make_app().backend.get_result(task_id) == "a" * 1000
    assert make_theirs().backend.get_result(task_id) == "a" * 1000


def test_what_one_forgets_the_other_no_longer_knows(ends: Ends, task_id: str) -> None:
    writer, reader = ends()
    writer.backend.store_result(task_id, 1, states.SUCCESS)
    reader.backend.forget(task_id)

    assert not writer.backend.task_result_exists(task_id)


class TestInRedis:
    """``celery-task-meta-<id>`` and ``celery-taskset-meta-<id>``."""

    @pytest.fixture
    def kind(self) -> str:
        return "redis"

    @pytest.fixture
    def client(self, kind: str, tmp_path: Path) -> Any:
        return redis.Redis.from_url(url_of(kind, tmp_path))

    def test_a_document_lies_under_the_task_s_key(self, backend: Any, client: Any, task_id: str) -> None:
        backend.store_result(task_id, 5, states.SUCCESS)

        document = json.loads(client.get(f"celery-task-meta-{task_id}"))
        assert document.pop("date_done")
        assert document == {"status": "SUCCESS", "result": 5, "traceback": None, "children": None, "task_id": task_id}

    def test_it_is_announced_on_the_channel_of_that_name(self, backend: Any, client: Any, task_id: str) -> None:
        with client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(f"celery-task-meta-{task_id}")
            channel.get_message(timeout=5)
            backend.store_result(task_id, 5, states.SUCCESS)
            heard = channel.get_message(timeout=5)

        assert json.loads(heard["data"])["result"] == 5

    def test_a_group_s_key_holds_its_tuple(self, app: Any, client: Any) -> None:
        group_id = unique("group")
        app.GroupResult(group_id, [app.AsyncResult("part")]).save()

        stored = json.loads(client.get(f"celery-taskset-meta-{group_id}"))
        assert stored == {"result": [[group_id, None], [[["part", None], None]]]}

    def test_keys_may_have_a_prefix_of_the_application(self, make_app: MakeApp, client: Any, task_id: str) -> None:
        app = make_app(result_backend_transport_options={"global_keyprefix": "shop"})
        app.backend.store_result(task_id, 5, states.SUCCESS)

        assert client.exists(f"shop_celery-task-meta-{task_id}")

    def test_the_url_is_shown_without_its_password(self, app: Any) -> None:
        app.conf.result_backend = f"redis://:secret@{servers.HOST}/3"

        shown, whole = app.backend.as_uri(), app.backend.as_uri(include_password=True)
        assert ("secret" in shown, "secret" in whole) == (False, True)


class TestInADirectory:
    """A file per key."""

    @pytest.fixture
    def kind(self) -> str:
        return "file"

    def test_a_document_is_a_file(self, backend: Any, tmp_path: Path, task_id: str) -> None:
        backend.store_result(task_id, 5, states.SUCCESS)

        (file,) = tmp_path.iterdir()
        assert (file.name, json.loads(file.read_bytes())["result"]) == (f"celery-task-meta-{task_id}", 5)


class TestInADatabase:
    """``celery_taskmeta`` and ``celery_tasksetmeta``."""

    @pytest.fixture
    def kind(self) -> str:
        return "sqlite"

    @pytest.mark.parametrize("extended", [False, True])
    def test_the_columns_are_celery_s(
        self, tmp_path: Path, task_id: str, make_app: MakeApp, make_theirs: MakeApp, extended: bool
    ) -> None:
        ours = columns(make_app(result_extended=extended), tmp_path / "ours.sqlite", task_id)
        theirs = columns(make_theirs(result_extended=extended), tmp_path / "theirs.sqlite", task_id)

        assert ours == theirs
        assert ours.keys() == {"celery_taskmeta", "celery_tasksetmeta"}

    def test_a_row_holds_the_encoded_result(self, backend: Any, tmp_path: Path, task_id: str) -> None:
        backend.store_result(task_id, {"a": 1}, states.SUCCESS)

        with sqlalchemy.create_engine(url_of("sqlite", tmp_path).removeprefix("db+")).connect() as connection:
            rows = connection.execute(sqlalchemy.text("SELECT task_id, status, result FROM celery_taskmeta")).all()
        assert [tuple(row) for row in rows] == [(task_id, "SUCCESS", b'{"a": 1}')]

    def test_tables_may_have_other_names(self, make_app: MakeApp, tmp_path: Path, task_id: str) -> None:
        app = make_app(database_table_names={"task": "shop_tasks", "group": "shop_groups"})

        assert columns(app, tmp_path / "named.sqlite", task_id).keys() == {"shop_tasks", "shop_groups"}


def columns(app: Any, file: Path, task_id: str) -> dict[str, dict[str, str]]:
    """Names and types, by table, of the database that the app makes there."""
    app.conf.result_backend = f"db+sqlite:///{file}"
    app.backend.store_result(task_id, 5, states.SUCCESS)
    inspector = sqlalchemy.inspect(sqlalchemy.create_engine(f"sqlite:///{file}"))
    tables = [name for name in inspector.get_table_names() if name != "sqlite_sequence"]
    return {table: {column["name"]: str(column["type"]) for column in inspector.get_columns(table)} for table in tables}
