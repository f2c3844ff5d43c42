"""Tasks to compose, of an app of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from compat.contrib.testing.app import TestApp, setup_default_app
from compat.contrib.testing.worker import start_worker

SECONDS = 10


class Arithmetic:
    """An app and its tasks."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.heard: list[Any] = []  # what `hear` was called with
        for function in (add, double, total, same, fail, tell):
            setattr(self, function.__name__, self._task(function))
        for bound in (who, stamps, retried_stamps):
            setattr(self, bound.__name__, self._task(bound, bind=True))
        self.hear = self._task(self._ear(), name="hear")

    def __getattr__(self, name: str) -> Any:
        """The tasks."""
        raise AttributeError(name)

    def _task(self, function: Callable[..., Any], **options: Any) -> Any:
        return self.app.task(**{"name": function.__name__, "shared": False, **options})(function)

    def _ear(self) -> Callable[[Any], Any]:
        def hear(word: Any) -> Any:
            self.heard.append(word)
            return word

        return hear


def value(result: Any, **options: Any) -> Any:
    """What comes of it, waited for."""
    return result.get(timeout=SECONDS, interval=0.01, **options)


def add(x: int, y: int) -> int:
    return x + y


def double(x: int) -> int:
    return 2 * x


def total(numbers: list[int]) -> int:
    return sum(numbers)


def same(x: Any) -> Any:
    return x


def fail(*args: Any, **kwargs: Any) -> None:
    raise ValueError("no", *args)


def who(self: Any, before: Any = ()) -> Any:
    """Adds to what it is given whose child it is."""
    request = self.request
    return [*before, {"root": request.root_id, "parent": request.parent_id, **request.delivery_info}]


def stamps(self: Any) -> Any:
    return {"stamps": self.request.stamps, "stamped_headers": self.request.stamped_headers}


def retried_stamps(self: Any) -> Any:
    if not self.request.retries:
        raise self.retry(countdown=0)
    return [self.request.retries, self.request.stamps]


def tell(*words: Any) -> list[Any]:
    return list(words)


@contextmanager
def arithmetic(**config: Any) -> Iterator[Arithmetic]:
    """The tasks, their app current within."""
    made = TestApp("arithmetic", config={"task_default_queue": "arithmetic", **config})
    with setup_default_app(made):
        made.set_current()
        tasks = Arithmetic(made)
        made.finalize()
        yield tasks


@contextmanager
def working(**config: Any) -> Iterator[Arithmetic]:
    """The tasks, and a worker that runs them."""
    with arithmetic(**config) as tasks, start_worker(tasks.app, perform_ping_check=False):
        yield tasks
