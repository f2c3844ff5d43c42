"""Fixtures: ``pytest_plugins = ("compat.contrib.pytest",)``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

NO_WORKER = os.environ.get("NO_WORKER")


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "celery(**overrides): override celery configuration for a test case")


@contextmanager
def _create_app(
    enable_logging: bool = False, use_trap: bool = False, parameters: Any = None, **config: Any
) -> Iterator[Any]:
    from .testing.app import TestApp, setup_default_app

    app = TestApp(set_as_current=False, enable_logging=enable_logging, config=config, **(parameters or {}))
    with setup_default_app(app, use_trap=use_trap):
        yield app


def _config(request: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    mark = request.node.get_closest_marker("celery")
    return {**config, **(mark.kwargs if mark else {})}


@pytest.fixture(scope="session")
def use_celery_app_trap() -> bool:
    """Override: True makes it an error to use the current app."""
    return False


@pytest.fixture(scope="session")
def celery_session_app(
    request: Any,
    celery_config: Any,
    celery_parameters: Any,
    celery_enable_logging: bool,
    use_celery_app_trap: bool,
) -> Iterator[Any]:
    """An app for the whole session."""
    config = _config(request, celery_config)
    with _create_app(celery_enable_logging, use_celery_app_trap, celery_parameters, **config) as app:
        if not use_celery_app_trap:
            app.set_default()
            app.set_current()
        yield app


@pytest.fixture(scope="session")
def celery_session_worker(
    request: Any,
    celery_session_app: Any,
    celery_includes: Sequence[str],
    celery_class_tasks: Sequence[Any],
    celery_worker_pool: Any,
    celery_worker_parameters: Mapping[str, Any],
) -> Iterator[Any]:
    """A worker for the whole session."""
    from .testing import worker

    if NO_WORKER:
        return
    for module in celery_includes:
        celery_session_app.loader.import_task_module(module)
    for task in celery_class_tasks:
        celery_session_app.register_task(task)
    with worker.start_worker(celery_session_app, pool=celery_worker_pool, **celery_worker_parameters) as started:
        yield started


@pytest.fixture(scope="session")
def celery_enable_logging() -> bool:
    """Override: True to let the worker set up logging."""
    return False


@pytest.fixture(scope="session")
def celery_includes() -> Sequence[str]:
    """Override: modules the worker imports."""
    return ()


@pytest.fixture(scope="session")
def celery_worker_pool() -> Any:
    """Override: the worker's pool; all pools are threads of this process here."""
    return "solo"


@pytest.fixture(scope="session")
def celery_config() -> dict[str, Any]:
    """Override: the app's settings."""
    return {}


@pytest.fixture(scope="session")
def celery_parameters() -> dict[str, Any]:
    """Override: the arguments the app is made with."""
    return {}


@pytest.fixture(scope="session")
def celery_worker_parameters() -> dict[str, Any]:
    """Override: the arguments the worker is made with."""
    return {}


@pytest.fixture
def celery_app(
    request: Any,
    celery_config: Any,
    celery_parameters: Any,
    celery_enable_logging: bool,
    use_celery_app_trap: bool,
) -> Iterator[Any]:
    """An app for one test."""
    config = _config(request, celery_config)
    with _create_app(celery_enable_logging, use_celery_app_trap, celery_parameters, **config) as app:
        yield app


@pytest.fixture(scope="session")
def celery_class_tasks() -> Sequence[Any]:
    """Override: classes of tasks to register."""
    return []


@pytest.fixture
def celery_worker(
    request: Any,
    celery_app: Any,
    celery_includes: Sequence[str],
    celery_worker_pool: Any,
    celery_worker_parameters: Mapping[str, Any],
) -> Iterator[Any]:
    """A worker for one test, in threads of this process."""
    from .testing import worker

    if NO_WORKER:
        return
    for module in celery_includes:
        celery_app.loader.import_task_module(module)
    with worker.start_worker(celery_app, pool=celery_worker_pool, **celery_worker_parameters) as started:
        yield started


@pytest.fixture
def depends_on_current_app(celery_app: Any) -> None:
    """Makes the test's app the current one."""
    celery_app.set_current()
