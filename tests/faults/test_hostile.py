"""Messages that cannot or must not run: nothing of them runs, nothing is deleted, the worker goes on."""

from __future__ import annotations

import base64
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests import servers
from tests.fleet import Fleet, wait_for
from tests.shop import jobs

MakeFleet = Callable[..., Fleet]
SECRET = "correct-horse-battery"


@pytest.fixture
def client() -> Iterator[Any]:
    servers.require("redis")
    with redis.Redis.from_url(f"{servers.REDIS_URL}/0") as client:
        yield client


@pytest.fixture
def fleet(make_fleet: MakeFleet, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """On Redis, with a secret; the directory of the test is where mended modules will appear."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    fleet = make_fleet(
        f"{servers.REDIS_URL}/0",
        **{
            "scheduler.ledger.url": "sqlite:///ledger.sqlite",
            "scheduler.secret": SECRET,
            "scheduler.allow": "tests late",
        },
    )
    fleet.environ["PYTHONPATH"] += f":{tmp_path}"
    return fleet


def envelope(body: bytes, headers: dict[str, Any], content_type: str = "application/json") -> str:
    """A message as Kombu's Redis transport writes it."""
    properties = {"body_encoding": "base64", "delivery_info": {}, "delivery_tag": "x", "correlation_id": "x"}
    text = base64.b64encode(body).decode()
    return json.dumps(
        {
            "body": text,
            "content-type": content_type,
            "content-encoding": "utf-8",
            "headers": headers,
            "properties": properties,
        }
    )


class Bomb:
    """Unpickling it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


def test_what_cannot_run_is_kept_and_shown_and_runs_after_the_mend(
    fleet: Fleet, client: Any, queue: str, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    (tmp_path / "late.py").write_text("def deliver():\n    from tests.shop.jobs import mark\n    mark('delivered')\n")
    (tmp_path / "tests_argument.py").write_text("class Stamp:\n    pass\n")
    import late
    import tests_argument

    with fleet.scheduler() as scheduler:
        renamed = scheduler.add_async_job(late.deliver)
        argument = scheduler.add_async_job(jobs.mark, args=(tests_argument.Stamp(),))
    for name in ("late", "tests_argument"):
        (tmp_path / f"{name}.py").rename(tmp_path / f"{name}.away")
        del sys.modules[name]

    call = json.dumps([[f"touch {touched}"], {}, {}]).encode()
    client.lpush(queue, envelope(call, {"id": "system", "task": "os.system", "lang": "py"}))
    bomb = pickle.dumps([(Bomb(touched),), {}, {}])
    client.lpush(
        queue, envelope(bomb, {"id": "bomb", "task": "tests.shop.jobs.mark"}, "application/x-python-serialize")
    )
    client.lpush(queue, envelope(call, {"id": "x", "task": "os.system"})[:-40])
    client.lpush(queue, envelope(b"[" * 100_000, {"id": "brackets", "task": "tests.shop.jobs.mark"}))

    process = fleet.start()
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.mark, args=("good",))
        wait_for(lambda: fleet.ends()["good"] == 1)
        wait_for(lambda: len(scheduler.ledger.parked.find()) == 6, what="six kept messages")

    shown = fleet.call("failed", str(fleet.ini)).stdout
    for reason in (
        "late cannot be imported",
        "tests_argument",
        "os.system",
        "pickle without a valid signature",
        "envelope",
        "RecursionError",
    ):
        assert reason in shown, (reason, shown)
    assert not touched.exists()
    assert set(fleet.ends()) == {"good"}

    for name in ("late", "tests_argument"):
        (tmp_path / f"{name}.away").rename(tmp_path / f"{name}.py")
    for job in (renamed, argument, "system"):
        fleet.call("retry", job, str(fleet.ini))
    wait_for(lambda: fleet.ends()["delivered"] == 1)
    wait_for(lambda: any("Stamp" in name for name in fleet.ends()))
    with fleet.scheduler() as scheduler:
        wait_for(lambda: scheduler.ledger.parked.get("system") is not None, what="os.system to be refused again")
        assert len(scheduler.ledger.parked.find()) == 4
    assert not touched.exists()
    assert process.poll() is None


@pytest.mark.parametrize("header", ["task", "id", "ps-kind", "timelimit", "expires"])
def test_a_signed_message_with_another_header_is_refused(fleet: Fleet, client: Any, queue: str, header: str) -> None:
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.mark, args=("changed",))
        envelope = json.loads(client.rpop(queue))
        envelope["headers"][header] = "tests.shop.jobs.fail"
        client.lpush(queue, json.dumps(envelope))
        fleet.start()
        wait_for(lambda: scheduler.ledger.parked.find())
        assert "signature does not fit" in scheduler.ledger.parked.find()[0].reason
    assert not fleet.ends()


def test_a_message_signed_for_one_queue_is_refused_on_another(make_fleet: MakeFleet, fleet: Fleet, client: Any) -> None:
    other = servers.unique("other")
    text = fleet.ini.read_text()
    fleet.ini.write_text(text.replace("scheduler.queues = ", f"scheduler.queues = {other} "))
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.mark, args=("moved",), queue=other)
        client.lpush(scheduler.settings.queues[1], client.rpop(other))
        fleet.start()
        wait_for(lambda: scheduler.ledger.parked.find())
    assert not fleet.ends()
