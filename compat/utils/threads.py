"""Threads in the background, and what each thread has for itself."""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import TIMEOUT_MAX, get_ident
from typing import Any, Generic, TypeVar

T = TypeVar("T")
__all__ = ("Local", "LocalManager", "LocalStack", "bgThread", "default_socket_timeout", "get_ident", "release_local")


@contextmanager
def default_socket_timeout(timeout: float | None) -> Iterator[None]:
    """For sockets that are made in the block."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


class bgThread(threading.Thread):
    """Runs ``body`` again and again, until ``stop``; an exception in it ends the process."""

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name or type(self).__name__, daemon=True)
        self._asked_to_stop = threading.Event()

    def body(self) -> None:
        raise NotImplementedError("a subclass says what is to be done")

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        print(msg.format(*fmt), file=sys.stderr)
        traceback.print_exc(file=sys.stderr)

    def run(self) -> None:
        while not self._asked_to_stop.is_set():
            try:
                self.body()
            except Exception as error:
                self._crash(error)

    def _crash(self, error: Exception) -> None:
        try:
            self.on_crash("{0!r} crashed: {1!r}", self.name, error)
        finally:
            sys.stderr.flush()
            os._exit(1)  # nobody would see that the thread is gone

    def stop(self) -> None:
        """Wait for the call that goes on; there is no other."""
        self._asked_to_stop.set()
        if self.is_alive():
            self.join(TIMEOUT_MAX)


class Local(threading.local):
    """Attributes of each thread."""

    def __release_local__(self) -> None:
        self.__dict__.clear()


def release_local(local: Any) -> None:
    """Forget what this thread has in it."""
    local.__release_local__()


class LocalManager:
    """Several of them, to be released together."""

    def __init__(self, locals: Any = None, ident_func: Callable[[], Any] | None = None) -> None:
        self.locals = [locals] if isinstance(locals, (Local, LocalStack)) else list(locals or ())
        self.ident_func = ident_func or get_ident

    def get_ident(self) -> Any:
        return self.ident_func()

    def cleanup(self) -> None:
        for local in self.locals:
            release_local(local)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} storages: {len(self.locals)}>"


class LocalStack(threading.local, Generic[T]):
    """One stack per thread."""

    def __init__(self) -> None:
        self.stack: list[T] = []  # of each thread that comes here

    def __release_local__(self) -> None:
        self.stack.clear()

    def push(self, obj: T) -> list[T]:
        stack = self.stack
        stack.append(obj)
        return stack

    def pop(self) -> T | None:
        """Take the top off; None where there is none."""
        stack = self.stack
        return stack.pop() if stack else None

    @property
    def top(self) -> T | None:
        stack = self.stack
        return stack[-1] if stack else None

    def __len__(self) -> int:
        return len(self.stack)
