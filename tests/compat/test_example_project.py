"""One Celery project, three ways: under Celery, under this package by that name, and with its imports rewritten."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pyramid_scheduler.migrate.inspecting import inspect_code
from tests import servers
from tests.fleet import ROOT, end, wait_for

PROJECT = ROOT / "examples" / "celery_project"
#: How each side starts a program of the project.
SIDES = {
    "celery": ["-m"],
    "aliased": [str(PROJECT / "as_compat.py")],
}


@dataclass(frozen=True)
class Shop:
    """A copy of the project, and the way its programs are started."""

    directory: Path
    start: list[str]
    command: str
    environ: dict[str, str]

    def journal(self, what: str) -> list[dict[str, Any]]:
        path = Path(self.environ["BOOKSHOP_JOURNAL"])
        lines = path.read_text().splitlines() if path.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["what"] == what]

    def day(self) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, *self.start, "bookshop"],
            cwd=self.directory,
            env=self.environ,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.stdout, done.stderr.decode()[-3000:]
        return json.loads(done.stdout.decode().splitlines()[-1])  # type: ignore[no-any-return]

    @contextmanager
    def open(self) -> Iterator[None]:
        """A worker that keeps the times, too, from its first tick to its end."""
        queues = f"{self.environ['BOOKSHOP_QUEUE']},{self.environ['BOOKSHOP_QUEUE']}.slow"
        words = [*self.start, self.command, "-A", "bookshop.app", "worker", "-B", "-Q", queues, "-c", "2"]
        log = self.directory / "worker.log"
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, *words, "-l", "INFO"],
                cwd=self.directory,
                env=self.environ,
                stdout=output,
                stderr=output,
            )
        try:
            wait_for(lambda: self.journal("look") or worker.poll() is not None, what="the first tick")
            assert worker.poll() is None, log.read_text()[-3000:]
            yield
        finally:
            end(worker)


@pytest.fixture
def make_shop(tmp_path: Path) -> Callable[..., Shop]:
    """Copies the project to a place of its own, with a Redis database and queues of its own."""
    servers.require("redis")

    def make(start: list[str], command: str) -> Shop:
        directory = tmp_path / "project"
        shutil.copytree(PROJECT, directory, ignore=shutil.ignore_patterns("__pycache__"))
        with servers.fresh_broker("redis", tmp_path) as url:
            environ = {
                **os.environ,
                "PYTHONPATH": f"{directory}{os.pathsep}{ROOT}",
                "BOOKSHOP_BROKER": url,
                "BOOKSHOP_QUEUE": servers.unique("bookshop"),
                "BOOKSHOP_JOURNAL": str(tmp_path / "journal.jsonl"),
            }
        return Shop(directory, start, command, environ)

    return make


def expect_a_good_day(shop: Shop, library: str) -> None:
    day = shop.day()
    parcel = day.pop("parcel")

    assert parcel.pop("attempts") == 2, "the first attempt found the terminal busy"
    assert parcel == {
        **{"number": 1, "card": "slow", "reserved": True, "charged": True},
        **{"carrier": "bicycle", "till": "7"},
    }
    assert day == {
        "library": library,
        "refused": "CardRefused(2, 'stolen')",
        "letter": "confirmed 1 at attempt 3",
        "lost": "ConnectionError('the mail server is away')",
        "by name": "confirmed 3 at attempt 1",
        "reminded in time": True,
        "inventory": {"books": 55, "shelves": 3},
        "labels": ["novels: 9", "poems: 9", "maps: 9"],
    }


def expect_a_full_journal(shop: Shop, library: str) -> None:
    failed = {"bookshop.orders.charge": "CardRefused", "bookshop.mail.confirm": "ConnectionError"}

    assert {entry["library"] for entry in shop.journal("open")} == {library}
    assert wait_for(lambda: len(shop.journal("look")) >= 2, what="the second tick of an interval of a second")
    assert {entry["task"]: entry["error"].partition("(")[0] for entry in shop.journal("failure")} == failed
    assert {entry["task"]: entry["error"] for entry in shop.journal("alarm")} == failed
    assert all(entry["traceback"] for entry in shop.journal("failure"))
    assert [entry["error"] for entry in shop.journal("retry") if entry["task"] == "bookshop.orders.charge"] == [
        "TerminalBusy('try again')"
    ]
    assert [entry["error"] for entry in shop.journal("apology")] == ["CardRefused"]
    assert [entry["state"] for entry in shop.journal("postrun")] == ["SUCCESS"]


@pytest.mark.parametrize(
    ("side", "library"), [pytest.param("celery", "celery", marks=pytest.mark.peer), ("aliased", "compat")]
)
def test_the_same_source_does_the_same(make_shop: Callable[..., Shop], side: str, library: str) -> None:
    if side == "celery":
        pytest.importorskip("celery")
    shop = make_shop(SIDES[side], "celery")

    with shop.open():
        expect_a_good_day(shop, library)
        expect_a_full_journal(shop, library)


def test_the_rewritten_source_does_the_same(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop(["-m"], "compat")
    rewritten = inspect_code([shop.directory], write=True).rewritten

    assert len(rewritten) == 8
    with shop.open():
        expect_a_good_day(shop, "compat")
        expect_a_full_journal(shop, "compat")
