"""Signals: who is told, how long, and what a failing receiver does."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from compat.utils.dispatch import Signal


def test_receivers_are_told_of_their_sender_only() -> None:
    signal, told = Signal(name="s"), []
    signal.connect(lambda sender, **kwargs: told.append(sender), sender="a", weak=False)

    signal.send("a")
    signal.send("b")

    assert told == ["a"]


def test_a_receiver_is_held_weakly() -> None:
    signal = Signal(name="s")

    def connect() -> None:
        def receiver(**kwargs: Any) -> None: ...

        signal.connect(receiver)
        assert signal.has_listeners()

    connect()
    gc.collect()
    assert not signal.has_listeners()


def test_a_method_is_held_as_long_as_its_object() -> None:
    class Listener:
        def hear(self, **kwargs: Any) -> str:
            return "heard"

    signal, listener = Signal(name="s"), Listener()
    signal.connect(listener.hear)

    assert [response for _, response in signal.send(None)] == ["heard"]


def test_a_failing_receiver_is_logged_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    signal = Signal(name="s")

    def failing(**kwargs: Any) -> None:
        raise ValueError("mine")

    def fine(**kwargs: Any) -> int:
        return 1

    signal.connect(failing)
    signal.connect(fine)
    responses = [response for _, response in signal.send(None)]

    assert isinstance(responses[0], ValueError)
    assert responses[1] == 1
    assert "mine" in caplog.text


def test_a_receiver_without_keywords_is_refused() -> None:
    with pytest.raises(ValueError, match="must accept keyword arguments"):
        Signal(name="s").connect(lambda: None)


def test_the_same_uid_connects_once() -> None:
    signal = Signal(name="s")
    for _ in range(2):
        signal.connect(lambda **kwargs: None, weak=False, dispatch_uid="one")

    assert len(signal.receivers) == 1
    assert signal.disconnect(dispatch_uid="one")
    assert not signal.receivers


def test_connect_decorates() -> None:
    signal = Signal(name="s")

    @signal.connect(sender="x")
    def receiver(**kwargs: Any) -> str:
        return "x"

    assert [response for _, response in signal.send("x")] == ["x"]
