"""Real Celery at the other end: either may produce, either may work, both may share a queue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import servers

SECONDS = 60
ROOT = Path(__file__).parents[2]
Start = Callable[[Sequence[str]], None]


@pytest.fixture(params=["redis", pytest.param("rabbitmq", marks=pytest.mark.peer)])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where a fleet of its own lives."""
    pytest.importorskip("celery")
    servers.require("redis")
    queue = servers.unique("fleet")
    with servers.fresh_broker(request.param, tmp_path) as broker:
        yield {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FLEET_BROKER": broker,
            "FLEET_BACKEND": f"{servers.REDIS_URL}/9",
            "FLEET_QUEUE": queue,
        }
        if request.param == "rabbitmq":
            _drop(broker, queue)


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts a worker of each side, and waits until they answer."""
    workers: list[subprocess.Popen[bytes]] = []

    def begin(sides: Sequence[str]) -> None:
        names = [f"{side}-{environment['FLEET_QUEUE']}@here" for side in sides]
        for side, name in zip(sides, names, strict=True):
            program = ["-m", "celery" if side == "celery" else "compat", "-A", "tests.compat.fleet_tasks"]
            words = [*program, "worker", "-P", "threads", "-c", "2", "-l", "WARNING", "-n", name]
            said = {**environment, "FLEET_SIDE": side}
            with open(tmp_path / f"{side}.log", "wb") as log:
                command = [sys.executable, *words]
                workers.append(subprocess.Popen(command, cwd=tmp_path, env=said, stdout=log, stderr=log))
        _await_answers(environment, names, tmp_path)

    yield begin
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _drop(broker: str, queue: str) -> None:
    import kombu

    with kombu.Connection(broker) as connection:
        kombu.Queue(queue, channel=connection.default_channel).delete()
        kombu.Exchange(queue, channel=connection.default_channel).delete()


def _await_answers(environment: dict[str, str], names: list[str], directory: Path) -> None:
    from kombu import Connection
    from kombu.pidbox import Mailbox

    missing = set(names)
    deadline = time.monotonic() + SECONDS
    with Connection(environment["FLEET_BROKER"]) as connection:
        mailbox = Mailbox("celery", type="fanout", accept=["json"])(connection)
        while missing and time.monotonic() < deadline:
            asked = {"destination": sorted(missing), "limit": len(missing)}
            replies = mailbox._broadcast("ping", {}, reply=True, timeout=1.0, **asked)
            missing -= {node for reply in replies for node in reply}
    logs = "\n".join(log.read_text()[-2000:] for log in directory.glob("*.log"))
    assert not missing, f"{missing} did not answer within {SECONDS} s:\n{logs}"


def produce(environment: dict[str, str], side: str, directory: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.compat.fleet_producer"],
        cwd=directory,
        env={**environment, "FLEET_SIDE": side},
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.stdout, done.stderr.decode()[-3000:]
    return json.loads(done.stdout.decode().splitlines()[-1])  # type: ignore[no-any-return]


def expect(said: dict[str, Any], workers: set[str]) -> None:
    names = said.pop("pong")
    assert all(any(name.startswith(f"{side}-fleet") for name in names) for side in workers)
    assert set(said.pop("who")) <= workers
    assert said == {
        "add": 5,
        "error": "ValueError('bad', 3)",
        "retried": 2,
        "chain": 7,
        "group": [0, 2, 4, 6],
        "chords": [15, 21, 27],
        "eta": 2,
        "revoked": "REVOKED",
    }


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("producer", "workers"),
    [
        pytest.param("celery", ["compat"], marks=pytest.mark.peer),
        pytest.param("compat", ["celery"], marks=pytest.mark.peer),
        ("celery", ["celery", "compat"]),
        pytest.param("compat", ["celery", "compat"], marks=pytest.mark.peer),
    ],
    ids=["theirs to ours", "ours to theirs", "theirs to both", "ours to both"],
)
def test_tasks_retries_chains_chords_results_and_revocations_cross(
    environment: dict[str, str], start: Start, tmp_path: Path, producer: str, workers: list[str]
) -> None:
    start(workers)

    expect(produce(environment, producer, tmp_path), set(workers))
