"""Events as lines of text."""

from __future__ import annotations

import io
import threading
from contextlib import redirect_stdout
from typing import Any

import pytest

from compat.bin.celery import main
from compat.events.dumper import Dumper

WHEN = {"timestamp": 1_000_000_000.0, "hostname": "one@here"}
CALL = {"uuid": "1", "name": "shop.pay", "args": "(7,)", "kwargs": "{}"}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "worker-online", "freq": 2}, "started: freq=2"),
        ({"type": "worker-offline", "freq": 2, "active": 0}, "shutdown: active=0, freq=2"),
        ({"type": "task-received", **CALL, "retries": 0}, "task received: shop.pay(1) args=(7,) kwargs={} retries=0"),
        ({"type": "task-succeeded", "uuid": "1"}, "task succeeded: shop.pay(1) args=(7,) kwargs={}"),
        ({"type": "task-started", "uuid": "2", "pid": 3}, "task started: (2) pid=3"),
    ],
)
def test_an_event_is_a_line(event: dict[str, Any], words: str) -> None:
    out = io.StringIO()
    dumper = Dumper(out)
    dumper.on_event({"type": "task-sent", **CALL, **WHEN})
    dumper.on_event({**event, **WHEN})

    assert out.getvalue().splitlines()[1] == f"one@here [2001-09-09 01:46:40+00:00] {words}"


class Patience(io.StringIO):
    """Interrupts the program when it has heard of a worker."""

    def write(self, text: str) -> int:
        if "started" in text:
            raise KeyboardInterrupt
        return super().write(text)


def test_the_word_events_writes_them_until_the_program_is_interrupted(app: Any) -> None:
    app.conf.broker_transport_options = {"polling_interval": 0.01}
    heard = threading.Event()
    out = Patience()

    def tell() -> None:
        with app.events.default_dispatcher(hostname="one@here") as dispatcher:
            while not heard.wait(0.02):
                dispatcher.send("worker-heartbeat")
                dispatcher.send("worker-online")

    teller = threading.Thread(target=tell)
    teller.start()
    with redirect_stdout(out):
        assert main(["events", "--dump"], app=app) == 0
    heard.set()
    teller.join()

    assert "waiting for events" in out.getvalue()
    assert "heartbeat" in out.getvalue()
