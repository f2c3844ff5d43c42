"""A signal and its receivers."""

from __future__ import annotations

import functools
import logging
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

from kombu.utils.functional import retry_over_time

from ...local import PromiseProxy, Proxy
from ..functional import fun_accepts_kwargs

log = logging.getLogger("celery.utils.dispatch.signal")
Receiver = Callable[..., Any]
Key = tuple[Hashable, Hashable]


def _identity(target: Any) -> Hashable:
    if type(target) in (Proxy, PromiseProxy):
        target = target._get_current_object()
    if isinstance(target, (bytes, str)):
        return target  # senders such as task names and host names are made anew each time
    if hasattr(target, "__func__"):
        return id(target.__self__), id(target.__func__)
    return id(target)


EVERYBODY = _identity(None)


def _held(receiver: Receiver, weak: bool) -> Any:
    if not weak:
        return receiver
    return weakref.WeakMethod(receiver) if hasattr(receiver, "__func__") else weakref.ref(receiver)


def _live(held: Any) -> Receiver | None:
    return held() if isinstance(held, weakref.ReferenceType) else held


def _retrying(receiver: Receiver) -> Receiver:
    """Calls ``receiver`` until it does not raise."""

    def pause(exc: BaseException, intervals: Any, retries: int) -> float:
        seconds = float(next(intervals))
        log.error("signal receiver %r raised; trying again in %s s", receiver, seconds)
        return seconds

    @functools.wraps(receiver)
    def call(*args: Any, **kwargs: Any) -> Any:
        return retry_over_time(receiver, Exception, args, kwargs, pause)

    return call


class Signal:
    """One thing that happens, with its receivers."""

    def __init__(self, providing_args: Any = None, use_caching: bool = False, name: str | None = None) -> None:
        self.name = name
        self.providing_args = set(providing_args or ())
        self.receivers: list[tuple[Key, Any]] = []
        self.lock = threading.Lock()

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        """``connect(receiver, sender=None, weak=True, dispatch_uid=None, retry=False)``; a decorator without receiver.

        Raises ValueError for a receiver without ``**kwargs``.
        """
        if args and callable(args[0]):
            return self._connect(args[0], *args[1:], **kwargs)
        return lambda receiver: self._connect(receiver, *args, **kwargs)

    def _connect(
        self, receiver: Receiver, sender: Any = None, weak: bool = True, dispatch_uid: Any = None, retry: bool = False
    ) -> Receiver:
        if not fun_accepts_kwargs(receiver):
            raise ValueError(f"Signal receiver must accept keyword arguments: add **kwargs to {receiver!r}.")
        if type(sender) is PromiseProxy and not sender.__evaluated__():
            sender.__then__(self._connect, receiver, sender, weak, dispatch_uid, retry)
            return receiver
        key = (dispatch_uid or _identity(receiver), _identity(sender))
        held = _retrying(receiver) if retry else _held(receiver, weak)
        with self.lock:
            self._forget_dead()
            if all(known != key for known, _ in self.receivers):
                self.receivers.append((key, held))
        return receiver

    def disconnect(
        self, receiver: Receiver | None = None, sender: Any = None, weak: Any = None, dispatch_uid: Any = None
    ) -> bool:
        """Returns whether it was connected."""
        key = (dispatch_uid or _identity(receiver), _identity(sender))
        with self.lock:
            before = len(self.receivers)
            self.receivers[:] = [pair for pair in self.receivers if pair[0] != key]
            self._forget_dead()
            return len(self.receivers) < before

    def has_listeners(self, sender: Any = None) -> bool:
        return bool(self._receivers_of(sender))

    def send(self, sender: Any, **named: Any) -> list[tuple[Receiver, Any]]:
        """Call every receiver; returns (receiver, response) pairs: a response is what it returned, or raised."""
        if not self.receivers:
            return []
        return [(receiver, self._call(receiver, sender, named)) for receiver in self._receivers_of(sender)]

    send_robust = send

    def _call(self, receiver: Receiver, sender: Any, named: dict[str, Any]) -> Any:
        try:
            return receiver(signal=self, sender=sender, **named)
        except Exception as error:
            log.exception("Signal handler %r raised: %r", receiver, error)
            return error

    def _receivers_of(self, sender: Any) -> list[Receiver]:
        wanted = (EVERYBODY, _identity(sender))
        found = (_live(held) for (_, who), held in list(self.receivers) if who in wanted)
        return [receiver for receiver in found if receiver is not None]

    def _forget_dead(self) -> None:
        self.receivers[:] = [pair for pair in self.receivers if _live(pair[1]) is not None]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name} providing_args={self.providing_args!r}>"
