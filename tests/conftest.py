"""Fixtures for every test: real servers, fresh names."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tests import own_servers, servers
from tests.fleet import ROOT, Fleet

# How long an example takes says how busy the machine is, and little else.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(scope="session", autouse=True)
def _bytecode_for_the_processes_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the environment wants none beside the sources, each of a thousand processes would compile them anew."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@pytest.fixture(scope="session")
def mypy() -> Iterator[subprocess.Popen[str]]:
    """At work beside the tests."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mypy"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="session", autouse=True)
def _what_takes_long_and_needs_no_test_begins_with_the_first(request: pytest.FixtureRequest) -> None:
    if any("mypy" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("mypy")


@pytest.fixture(params=servers.BROKERS)
def broker_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """One run of the test for each broker."""
    with servers.fresh_broker(request.param, tmp_path) as url:
        yield url


@pytest.fixture(params=servers.DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """One run of the test for each database, empty."""
    with servers.fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def redis_deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Starts Redis in one of the ways of ``own_servers.REDIS_DEPLOYMENTS``, when it is first asked for it."""
    with ExitStack() as stack:

        @cache
        def start(kind: str) -> str:
            directory = tmp_path_factory.mktemp(kind.replace(" ", "-"))
            return stack.enter_context(own_servers.REDIS_DEPLOYMENTS[kind](directory))

        yield start


@pytest.fixture(autouse=True)
def _level_of_the_root_logger() -> None:
    """As Python has it: workers of compat in this process set it, as Celery's do, and leave it so."""
    logging.root.setLevel(logging.WARNING)


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """This process has so many that the next ones are beyond what select can watch."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    while opened[-1] < 1024:
        opened.append(os.dup(opened[0]))
    yield
    for one in opened:
        os.close(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="session")
def _queues() -> Iterator[list[str]]:
    """The names that tests were given; their queues go with the run."""
    names: list[str] = []
    yield names
    servers.drop_queues(names)


@pytest.fixture
def queue(_queues: list[str]) -> str:
    """A queue name nobody else uses."""
    _queues.append(servers.unique("queue"))
    return _queues[-1]


@pytest.fixture
def make_fleet(tmp_path: Path, queue: str) -> Iterator[Callable[..., Fleet]]:
    """Makes the fleet of an application on a broker, its tables made, its processes ended with the test."""
    fleets: list[Fleet] = []

    def make(broker_url: str, **settings: object) -> Fleet:
        given = {"scheduler.broker.url": broker_url, "scheduler.queues": queue, **settings}
        fleet = Fleet(tmp_path, **given)
        fleets.append(fleet)
        if not broker_url.startswith("memory"):
            fleet.call("db", "upgrade", str(fleet.ini))
        return fleet

    yield make
    for fleet in fleets:
        fleet.end()
