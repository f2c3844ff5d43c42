"""Steps of an application's own, in workers and their consumers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection as KombuConnection
from kombu import Consumer, Queue

from compat import bootsteps
from compat.contrib.testing.worker import start_worker
from compat.exceptions import ImproperlyConfigured
from compat.worker import consuming
from compat.worker.consumer import check
from compat.worker.embedding import embed
from tests import servers
from tests.fleet import ROOT, end, wait_for

SECONDS = 10
QUEUE = servers.unique("parcels")
TIMER = "celery.worker.components:Timer"
told: list[Any] = []


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    told.clear()
    yield
    told.clear()


class First(bootsteps.StartStopStep):
    requires = frozenset({TIMER, "celery.worker.components:Pool"})

    def __init__(self, parent: Any, **options: Any) -> None:
        told.append(("made", "First", options.get("my_option")))

    def start(self, parent: Any) -> None:
        told.append("First starts")

    def stop(self, parent: Any) -> None:
        told.append("First stops")

    def terminate(self, parent: Any) -> None:
        told.append("First is terminated")

    def info(self, parent: Any) -> dict[str, str]:
        return {"first": "said"}


class Second(First):
    requires = (f"{__name__}:First",)

    def start(self, parent: Any) -> None:
        told.append("Second starts")

    def stop(self, parent: Any) -> None:
        told.append("Second stops")


class Parent:
    def __init__(self) -> None:
        self.steps: list[Any] = []


def test_a_step_comes_after_those_that_it_requires_and_stops_before_them() -> None:
    parent, blueprint = Parent(), bootsteps.Blueprint({Second}, name="mine")
    blueprint.apply(parent)
    blueprint.start(parent)
    blueprint.stop(parent)
    blueprint.stop(parent)

    assert told[2:] == ["First starts", "Second starts", "Second stops", "First stops"]
    assert [step.alias for step in blueprint.order] == ["First", "Second"]
    assert blueprint[f"{__name__}.First"] is parent.steps[0]
    assert blueprint.human_state() == "terminating"


def test_a_step_that_is_not_wanted_is_made_and_not_started_and_one_starts_what_it_has_created() -> None:
    class Unwanted(First):
        def include_if(self, parent: Any) -> bool:
            return False

    class Service:
        start = stop = staticmethod(lambda: told.append("service"))

    class Serving(bootsteps.StartStopStep):
        def create(self, parent: Any) -> Any:
            return self.instantiate(Service)

    class Last(bootsteps.Step):
        last = True
        name = "mine.the_last"

    parent, blueprint = Parent(), bootsteps.Blueprint([Last, Unwanted, Serving])
    blueprint.apply(parent)
    blueprint.start(parent)
    blueprint.stop(parent, terminate=True)

    assert told == [("made", "First", None), "service", "service"]
    assert blueprint.order[-1] is blueprint["mine.the_last"]
    assert [type(step) for step in parent.steps] == [Serving]


def test_what_a_step_raises_when_it_stops_is_logged_and_the_others_stop(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Second):
        def stop(self, parent: Any) -> None:
            raise ValueError("mine")

    parent, blueprint = Parent(), bootsteps.Blueprint([Failing])
    blueprint.apply(parent).start(parent)
    blueprint.stop(parent)

    assert told[-1] == "First stops"
    assert "Error on stopping Failing: ValueError('mine')" in caplog.text


class Looping(bootsteps.StartStopStep):
    def register_with_event_loop(self, worker: Any, hub: Any) -> None: ...


class Lost(bootsteps.Step):
    requires = ("celery.worker.components:Moon",)


class Hen(bootsteps.Step):
    requires = (f"{__name__}:Egg",)


class Egg(bootsteps.Step):
    requires = (Hen,)


class Impatient(bootsteps.Step):
    requires = (f"{__name__}:Patient",)


class Patient(bootsteps.Step):
    last = True


CANNOT_WORK: list[tuple[Any, str]] = [
    (Looping, "use worker.timer"),
    (Lost, "there is no step celery.worker.components:Moon"),
    (Hen, f"{__name__}.Hen, which waits for {__name__}.Egg, which waits for {__name__}.Hen"),
    (Egg, f"{__name__}.Egg, which waits for {__name__}.Hen"),
    (Impatient, f"{__name__}.Impatient, which waits for {__name__}.Patient"),
]


@pytest.mark.parametrize(("step", "word"), CANNOT_WORK)
def test_a_step_that_cannot_work_is_refused_before_a_worker_starts(app: Any, step: Any, word: str) -> None:
    app.steps["worker"].add(step)

    with pytest.raises(ImproperlyConfigured, match=word):
        check(app)


def test_of_several_last_steps_each_comes_after_those_that_are_not() -> None:
    class Later(bootsteps.Step):
        last = True
        requires = (Patient,)

    class Other(bootsteps.Step):
        last = True

    order = bootsteps.Blueprint([Other, Later, Patient, bootsteps.Step]).in_order([Later, Other, Patient, First])
    assert order[0] is First
    assert order.index(Patient) < order.index(Later)


def test_consumer_steps_are_refused_where_kombu_does_not_reach_the_broker(app: Any) -> None:
    app.steps["consumer"].add(bootsteps.ConsumerStep)
    check(app)
    app.conf.broker_url = "sqla+sqlite:///broker.sqlite"

    with pytest.raises(ImproperlyConfigured, match="ConsumerMixin"):
        check(app)


def test_a_worker_makes_starts_and_stops_its_steps_and_gives_them_its_options_and_a_timer(app: Any) -> None:
    class Ticking(Second):
        def start(self, worker: Any) -> None:
            self.ticked = threading.Event()
            self.tref = worker.timer.call_repeatedly(0.01, self.ticked.set, (), priority=10)

        def stop(self, worker: Any) -> None:
            told.append(("still ticks", worker.timer.is_alive()))

    app.steps["worker"].add(Ticking)
    with start_worker(app, perform_ping_check=False, my_option=7) as worker:
        assert worker.steps[1].ticked.wait(SECONDS)
        assert worker.stats()["first"] == "said"
        assert not hasattr(worker, "hub")

    assert told == [("made", "First", 7)] * 2 + ["First starts", ("still ticks", False), "First stops"]


def test_a_worker_that_is_terminated_terminates_its_steps(app: Any) -> None:
    app.steps["worker"].add(First)
    with start_worker(app, perform_ping_check=False) as worker:
        worker.terminate()

    assert told[-1] == "First is terminated"


class Listening(bootsteps.ConsumerStep):
    def get_consumers(self, channel: Any) -> list[Any]:
        return [Consumer(channel, [Queue(QUEUE)], callbacks=[self.take], accept=["json"])]

    def take(self, body: Any, message: Any) -> None:
        told.append(body)
        message.ack()


def send(app: Any, body: Any) -> None:
    with app.connection_for_write() as connection:
        connection.Producer().publish(body, routing_key=QUEUE, declare=[Queue(QUEUE)], serializer="json")


def test_a_consumer_step_takes_messages_and_again_after_the_connection_was_lost(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.require("redis")
    monkeypatch.setattr(consuming, "AGAIN_SECONDS", 0.01)

    class Losing(Listening):
        def take(self, body: Any, message: Any) -> None:
            super().take(body, message)
            if body == "one":
                raise ConnectionResetError

    app.steps["consumer"].add(Losing)
    with servers.fresh_broker("redis", tmp_path) as broker:
        app.conf.broker_url = broker
    with start_worker(app, perform_ping_check=False) as worker:
        send(app, "one")
        wait_for(lambda: "one" in told)
        send(app, "two")
        wait_for(lambda: "two" in told)
        with pytest.raises(AttributeError, match="a consumer has no 'task_consumer' here"):
            worker.consumer.steps[0].take(worker.consumer.task_consumer, None)

    assert worker.consumer.blueprint.human_state() == "terminating"


def test_consumer_steps_are_stopped_when_a_callback_of_theirs_raises_which_ends_the_worker(
    app: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    servers.require("redis")

    class Raising(Listening):
        def take(self, body: Any, message: Any) -> None:
            raise ValueError(body)

        def stop(self, consumer: Any) -> None:
            super().stop(consumer)
            told.append("stopped")

    app.steps["consumer"].add(Raising)
    with servers.fresh_broker("redis", tmp_path) as broker:
        app.conf.broker_url = broker
    with start_worker(app, perform_ping_check=False) as worker:
        send(app, "mine")
        wait_for(lambda: worker.exitcode is not None)
        worker.stop()

    assert told == ["stopped"]
    assert worker.exitcode == 1
    assert "Unrecoverable error: ValueError('mine')" in caplog.text


def test_consumer_steps_that_were_not_started_as_no_broker_answers_are_not_stopped(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.require("redis")
    monkeypatch.setattr(consuming, "AGAIN_SECONDS", 0.0)
    tried: list[str] = []
    over = threading.Event()

    def try_to_connect(*args: Any) -> None:
        tried.append("again")
        if len(tried) == 3:
            over.set()
        raise ConnectionRefusedError

    app.steps["consumer"].add(First)
    with servers.fresh_broker("redis", tmp_path) as broker:
        app.conf.broker_url = broker
    with start_worker(app, perform_ping_check=False) as worker:
        worker.consumer.stop()
        told.clear()
        monkeypatch.setattr(KombuConnection, "connect", try_to_connect)
        thread = consuming.Consuming(worker.consumer)
        thread.start()
        assert over.wait(SECONDS)
        thread.stop(SECONDS)
        assert told == []


@pytest.mark.parametrize(("first", "listens"), [(True, ["Listening"]), (False, [])])
def test_the_first_of_a_workers_processes_has_the_consumer_steps_and_each_has_the_workers(
    app: Any, first: bool, listens: list[str]
) -> None:
    app.steps["worker"].add(First)
    app.steps["consumer"].add(Listening)
    scheduler = embed(app, {"my_option": 7}, "celery@here", first=first)
    scheduler.occasions.start.come()
    names = [thread.name for thread in threading.enumerate()]
    scheduler.occasions.stop.come()
    scheduler.occasions.exit.come()

    assert told == [("made", "First", 7), "First starts", "First stops"]
    assert ("consumer" in names) == bool(listens)


class Unmade(First):
    def __init__(self, parent: Any, **options: Any) -> None:
        raise ValueError("mine")


class Unstarted(Second):
    def start(self, parent: Any) -> None:
        raise ValueError("mine")


class Leaving(Second):
    def start(self, parent: Any) -> None:
        raise SystemExit(7)


class LeavingInOrder(Second):
    def start(self, parent: Any) -> None:
        raise SystemExit


class LeavingWithAWord(Second):
    def start(self, parent: Any) -> None:
        raise SystemExit("mine")


@pytest.mark.parametrize(
    ("step", "status", "words"),
    [
        (Unmade, 1, "Unrecoverable error: ValueError('mine')"),
        (Unstarted, 1, "Unrecoverable error: ValueError('mine')"),
        (Leaving, 7, ""),
        (LeavingInOrder, 0, ""),
        (LeavingWithAWord, 1, "mine"),
    ],
)
def test_a_step_that_cannot_be_made_or_started_ends_the_worker_before_it_takes_a_task(
    app: Any, caplog: pytest.LogCaptureFixture, step: Any, status: int, words: str
) -> None:
    app.steps["worker"].add(step)
    scheduler = embed(app, {}, "celery@here")
    scheduler.occasions.leave.add(lambda: told.append("asked to leave"))
    with pytest.raises(SystemExit) as raised:
        scheduler.occasions.start.come()
    scheduler.leave()  # as another one asks in order, for all it knows
    scheduler.occasions.exit.come()

    assert raised.value.code == scheduler.exit_status == status
    assert told[-1] == "asked to leave"
    assert [record.message for record in caplog.records if record.levelname == "CRITICAL"] == [words] * bool(words)


PROBE = """
import click
from compat import Celery, bootsteps
from pathlib import Path

ALIVE = Path("alive")

class LivenessProbe(bootsteps.StartStopStep):
    requires = {"celery.worker.components:Timer"}

    def __init__(self, worker, **options):
        self.seconds = options["probe_every"]

    def start(self, worker):
        self.tref = worker.timer.call_repeatedly(self.seconds, self.touch, (worker,), priority=10)

    def stop(self, worker):
        ALIVE.unlink(missing_ok=True)

    def touch(self, worker):
        ALIVE.write_text(worker.hostname)

app = Celery("probed", broker=BROKER, task_default_queue=QUEUE, pyramid_scheduler={"ledger.url": "sqlite:///ledger"})
app.steps["worker"].add(LivenessProbe)
app.user_options["worker"].add(click.Option(["--probe-every"], type=float, default=30.0))
"""


def test_a_probe_touches_its_file_while_the_worker_lives_and_takes_it_away(tmp_path: Path) -> None:
    pytest.importorskip("click")
    servers.require("redis")
    alive = tmp_path / "alive"
    with servers.fresh_broker("redis", tmp_path) as broker:
        names = f"BROKER, QUEUE = {broker!r}, {servers.unique('probed')!r}\n"
        (tmp_path / "probed.py").write_text(names + PROBE)
        words = ["-A", "probed", "worker", "-c", "1", "-n", "w1@here", "--probe-every", "0.05"]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "compat", *words],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        try:
            wait_for(alive.exists, what=f"{alive}: {tmp_path / 'log'}")
            assert process.poll() is None
        finally:
            end(process)
        assert process.returncode == 0
        assert not alive.exists()
