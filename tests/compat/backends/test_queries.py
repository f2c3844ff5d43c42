"""An application's own queries on the results in its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from compat import states
from compat.app.task import Context
from compat.backends import base
from compat.backends.database import retry, session_cleanup
from compat.backends.database.models import ResultModelBase, Task, TaskExtended, TaskSet
from compat.backends.database.session import SessionManager
from tests import servers
from tests.servers import unique

MakeApp = Callable[..., Any]
NAMES = {"task": "shop_tasks", "group": "shop_groups"}


@pytest.fixture(params=["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database, of SQLite unless the test says otherwise."""
    with servers.fresh_database(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def kind() -> str:
    return "sqlite"


@pytest.fixture
def make_app(make_app: MakeApp, url: str) -> Iterator[MakeApp]:
    made = []

    def make(**config: Any) -> Any:
        app = make_app(**config)
        app.conf.result_backend = f"db+{url}"
        made.append(app)
        return app

    yield make
    for app in made:
        app.backend.session_manager.invalidate(app.backend.url)
    Task.configure()
    TaskSet.configure()


@pytest.mark.parametrize("url", servers.DATABASES, indirect=True)
@pytest.mark.parametrize("extended", [False, True])
def test_results_are_found_by_state(make_app: MakeApp, extended: bool) -> None:
    backend = make_app(result_extended=extended).backend
    backend.store_result("good", 1, states.SUCCESS, request=Context(id="good", task="shop.pay"))
    backend.store_result("bad", ValueError("no"), states.FAILURE)
    model = backend.task_cls

    with session_cleanup(backend.ResultSession()) as session:
        (found,) = session.query(model).filter(model.status == states.SUCCESS)
        row = found.to_dict()
    assert (row.pop("task_id"), row.pop("status"), row.pop("result")) == ("good", states.SUCCESS, b"1")
    assert (model, row.get("name")) == ((TaskExtended, "shop.pay") if extended else (Task, None))
    assert row.pop("date_done")
    assert not {"id", "status"} & row.keys()


def test_rows_of_an_application_s_own_are_results(make_app: MakeApp) -> None:
    app = make_app()
    task_id, group_id = unique("task"), unique("group")
    with session_cleanup(app.backend.ResultSession()) as session:
        task = Task(task_id)
        task.status, task.result = states.SUCCESS, b"7"
        members = f'[["{group_id}", null], [[["{task_id}", null], null]]]'.encode()
        session.add_all([task, TaskSet(group_id, members)])
        session.commit()

    assert app.GroupResult.restore(group_id).get(timeout=5) == [7]


def test_what_fails_is_rolled_back(make_app: MakeApp) -> None:
    app = make_app()

    with suppress(KeyError), session_cleanup(app.backend.ResultSession()) as session:
        session.add(Task("lost"))
        session.flush()
        raise KeyError

    assert not app.backend.task_result_exists("lost")


def test_the_models_have_the_names_that_the_settings_give(make_app: MakeApp) -> None:
    backend = make_app(database_table_names=NAMES).backend
    backend.store_result("one", 1, states.SUCCESS)

    with session_cleanup(backend.ResultSession()) as session:
        assert [task.task_id for task in session.query(Task)] == ["one"]
        assert session.query(TaskSet).count() == 0
    assert sqlalchemy.inspect(backend.session_manager.get_engine(backend.url)).has_table("shop_tasks")


def test_each_app_of_a_process_keeps_the_names_of_its_own_settings(make_app: MakeApp) -> None:
    named = make_app(database_table_names=NAMES).backend
    plain = make_app().backend
    named.store_result("in the shop", 1, states.SUCCESS)

    assert [backend.get_state("in the shop") for backend in (named, plain)] == [states.SUCCESS, states.PENDING]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_the_tables_may_be_in_a_schema(make_app: MakeApp, url: str) -> None:
    with sqlalchemy.create_engine(url).begin() as connection:
        connection.execute(sqlalchemy.text("CREATE SCHEMA shop"))
    app = make_app(database_table_schemas={"task": "shop", "group": "shop"})
    app.backend.store_result("one", 1, states.SUCCESS)
    app.GroupResult("all", [app.AsyncResult("one")]).save()

    assert app.GroupResult.restore("all").get(timeout=5) == [1]
    with session_cleanup(app.backend.ResultSession()) as session:
        assert session.execute(sqlalchemy.text("SELECT task_id FROM shop.celery_taskmeta")).scalars().all() == ["one"]
        assert session.query(TaskSet).one().taskset_id == "all"


def test_a_deployment_makes_the_tables_before_anything_runs(url: str) -> None:
    manager = SessionManager()
    engine = manager.get_engine(url)
    manager.prepare_models(engine)
    manager.prepare_models(engine)

    assert sorted(ResultModelBase.metadata.tables) == ["celery_taskmeta", "celery_tasksetmeta"]
    assert all(sqlalchemy.inspect(engine).has_table(name) for name in ResultModelBase.metadata.tables)
    with session_cleanup(manager.session_factory(url)) as session:
        assert session.query(TaskExtended).all() == []
    manager.invalidate(url)
    assert manager.get_engine(url) is not engine


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_connection_that_the_server_closed_is_replaced_before_it_is_used(make_app: MakeApp, url: str) -> None:
    backend = make_app(result_backend_always_retry=False, database_engine_options={"pool_size": 1}).backend
    backend.store_result("one", 1, states.SUCCESS)
    with sqlalchemy.create_engine(url).connect() as connection:
        others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(sqlalchemy.text(f"SELECT pg_terminate_backend(pid, 5000) FROM {others}"))

    assert backend.get_result("one") == 1


def test_a_query_of_ones_own_is_tried_again_as_often_as_is_said(make_app: MakeApp) -> None:
    """As Airflow asks for the states of many tasks at once; Celery had ``retry`` until 5.6."""
    app = make_app()
    app.backend.store_result("one", 1, "SUCCESS")
    tried: list[int] = []

    @retry
    def query(ids: set[str], fails: int) -> list[str]:
        tried.append(fails)
        if len(tried) <= fails:
            raise sqlalchemy.exc.OperationalError("select", {}, Exception("gone"))
        with session_cleanup(app.backend.ResultSession()) as session:
            return [task.status for task in session.scalars(sqlalchemy.select(Task).where(Task.task_id.in_(ids)))]

    assert (query({"one", "two"}, 2), len(tried)) == (["SUCCESS"], 3)
    tried.clear()
    with pytest.raises(sqlalchemy.exc.OperationalError):
        query({"one"}, 9, max_retries=2)
    assert len(tried) == 2


def test_the_module_of_the_base_classes_has_the_states_as_celerys_has() -> None:
    assert base.states is states
