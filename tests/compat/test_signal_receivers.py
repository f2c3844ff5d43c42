"""Receivers of signals: of tasks that are not made yet, of methods, tried again, and gone."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from compat.utils.dispatch import Signal


class Listener:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def hear(self, sender: Any, **kwargs: Any) -> None:
        self.heard.append(sender)


@pytest.fixture
def signal() -> Signal:
    return Signal(name="tested", providing_args={"x"})


def test_a_sender_may_be_a_task_that_is_not_made_yet(app: Any, signal: Signal) -> None:
    listener = Listener()

    @app.task(name="later")
    def later() -> None: ...

    signal.connect(listener.hear, sender=later)
    assert not later.__evaluated__()
    later.name  # noqa: B018
    signal.send(sender=app.tasks["later"])
    signal.send(sender=None)

    assert listener.heard == [app.tasks["later"]]


def test_equal_names_are_the_same_sender(signal: Signal) -> None:
    listener = Listener()
    signal.connect(listener.hear, sender="shop." + "add")
    signal.send(sender="".join(["shop", ".add"]))

    assert listener.heard == ["shop.add"]


def test_a_method_is_forgotten_with_its_object(signal: Signal) -> None:
    listener = Listener()
    signal.connect(listener.hear)
    assert signal.has_listeners()
    del listener
    gc.collect()

    assert not signal.has_listeners()
    assert signal.send(sender=None) == []


def test_a_receiver_that_is_disconnected_hears_no_more(signal: Signal) -> None:
    listener = Listener()
    signal.connect(listener.hear, sender="a")

    assert not signal.disconnect(listener.hear)
    assert signal.disconnect(listener.hear, sender="a")
    assert not signal.disconnect(listener.hear, sender="a")
    signal.send(sender="a")
    assert listener.heard == []


def test_one_receiver_may_hear_several_senders(signal: Signal) -> None:
    listener = Listener()
    for sender in ("a", "b", "a"):
        signal.connect(listener.hear, sender=sender)
    for sender in ("a", "b", "c"):
        signal.send(sender=sender)

    assert listener.heard == ["a", "b"]


def test_a_receiver_may_be_tried_until_it_does_not_fail(
    signal: Signal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)
    tries: list[int] = []

    def flaky(**kwargs: Any) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("not yet")
        return "at last"

    signal.connect(flaky, retry=True, weak=False)

    assert [response for _, response in signal.send(sender=None)] == ["at last"]
    assert (len(tries), caplog.text.count("trying again")) == (3, 2)


def test_a_receiver_gets_the_signal_and_what_is_sent(signal: Signal) -> None:
    got: dict[str, Any] = {}
    signal.connect(lambda **kwargs: got.update(kwargs), weak=False)
    signal.send(sender="a", x=1)

    assert got == {"signal": signal, "sender": "a", "x": 1}


def test_a_receiver_may_disconnect_itself_while_it_is_told(signal: Signal) -> None:
    told: list[str] = []

    def once(**kwargs: Any) -> None:
        told.append("once")
        signal.disconnect(once)

    def always(**kwargs: Any) -> None:
        told.append("always")

    signal.connect(once)
    signal.connect(always)
    signal.send(sender=None)
    signal.send(sender=None)

    assert told == ["once", "always", "always"]
