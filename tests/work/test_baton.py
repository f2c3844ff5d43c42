"""Who listens to the broker while there is nothing to do."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pyramid_scheduler.core.message import Delivery
from pyramid_scheduler.work import baton as module
from pyramid_scheduler.work.baton import Baton
from pyramid_scheduler.work.intake import Intake
from tests.fleet import wait_for
from tests.work.fakes import FakeSource, delivery
from tests.work.test_intake import FirstComeRuns


class Scene:
    """An intake, and turns that bring what is put into ``source``."""

    def __init__(self) -> None:
        self.intake = Intake(threads=1, runs=FirstComeRuns(), is_genuine=lambda delivery: True)
        self.source = FakeSource()
        self.turned_by: list[int] = []
        self.error: Exception | None = None
        self.leaving = threading.Event()
        self.baton = Baton(self.intake, self.turn, self.leaving.is_set)
        self.taken: list[Delivery | None] = []

    def turn(self) -> None:
        self.turned_by.append(threading.get_ident())
        if self.error is not None:
            raise self.error
        self.intake.fill(self.source, 0, 0.02)

    def worker(self) -> threading.Thread:
        return started(lambda: self.taken.append(self.baton.next()))


def started(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def test_the_thread_that_waits_for_a_job_listens_for_it_itself() -> None:
    scene = Scene()
    worker = scene.worker()
    lender = started(scene.baton.lend)
    wait_for(lambda: scene.turned_by)
    scene.source.put(delivery("a"))
    for thread in (worker, lender):
        thread.join(10)
    assert [one.tag for one in scene.taken if one] == ["a"]
    assert set(scene.turned_by) == {worker.ident}


def test_nobody_is_invited_for_longer_than_it_takes_to_see_that_all_are_busy() -> None:
    scene = Scene()
    scene.baton.lend()
    assert scene.intake.is_empty


def test_an_invitation_that_is_taken_at_the_last_moment_is_not_taken_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REACH_SECONDS", 0.0001)
    scene = Scene()
    for name in ("a", "b", "c"):
        scene.source.put(delivery(name))
        worker = scene.worker()
        while worker.is_alive():
            scene.baton.lend()
            worker.join(0.01)
    assert [one.tag for one in scene.taken if one] == ["a", "b", "c"]


def test_what_fails_is_left_to_the_thread_that_knows_what_to_do() -> None:
    scene = Scene()
    scene.error = RuntimeError("away")
    worker = scene.worker()
    scene.baton.lend()
    assert scene.turned_by == [worker.ident]
    scene.intake.dismiss()
    worker.join(10)
    assert scene.taken == [None]


def test_who_listens_stops_when_the_worker_leaves() -> None:
    scene = Scene()
    worker, lender = scene.worker(), started(scene.baton.lend)
    wait_for(lambda: scene.turned_by)
    scene.leaving.set()
    lender.join(10)
    assert not lender.is_alive()
    scene.intake.dismiss()
    worker.join(10)
    assert scene.taken == [None]
