"""A worker that hears, and tasks that last until they are let go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from compat.contrib.testing.worker import start_worker

SECONDS = 10
HOST = "one@here"


@pytest.fixture
def hasty(app: Any) -> Any:
    """The app, on a memory broker that does not make its listeners wait."""
    app.conf.broker_transport_options = {"polling_interval": 0.01}
    return app


@pytest.fixture
def worker(hasty: Any) -> Iterator[Any]:
    with start_worker(hasty, perform_ping_check=False, hostname=HOST, concurrency=2) as started:
        yield started


@pytest.fixture
def ask(hasty: Any) -> Any:
    """Questions to the one worker."""
    return hasty.control.inspect(timeout=SECONDS, limit=1)


class Lasting:
    """A task that tells when it has started, and ends when it is let go."""

    def __init__(self, app: Any) -> None:
        self.started, self.go = threading.Event(), threading.Event()

        @app.task(name="lasting")
        def lasting(*args: Any, **kwargs: Any) -> str:
            self.started.set()
            while not self.go.wait(0.02):
                pass  # in steps, so that a termination gets through
            return "done"

        self.task = lasting

    def begin(self, *args: Any, **options: Any) -> Any:
        """Send it, and wait until it runs."""
        result = self.task.apply_async(args, **options)
        assert self.started.wait(SECONDS)
        return result


@pytest.fixture
def lasting(hasty: Any) -> Iterator[Lasting]:
    made = Lasting(hasty)
    yield made
    made.go.set()
