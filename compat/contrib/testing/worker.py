"""A worker in threads of the test's own process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..._state import _set_task_join_will_block
from ...result import allow_join_result
from ...utils.dispatch import Signal
from ...utils.nodenames import anon_nodename
from ...worker import WorkController, state

WORKER_LOGLEVEL = os.environ.get("WORKER_LOGLEVEL", "error")

test_worker_starting = Signal(name="test_worker_starting")
test_worker_started = Signal(name="test_worker_started", providing_args={"worker", "consumer"})
test_worker_stopped = Signal(name="test_worker_stopped", providing_args={"worker"})


class TestWorkController(WorkController):
    """A worker that says when it is ready."""

    __test__ = False

    def on_init(self) -> None:
        self._on_started = threading.Event()

    def on_consumer_ready(self, consumer: Any) -> None:
        self._on_started.set()
        test_worker_started.send(sender=self.app, worker=self, consumer=consumer)

    def ensure_started(self, timeout: float = 30.0) -> None:
        """Wait until it takes from its queues; raises RuntimeError if it does not come to that."""
        if not self._on_started.wait(timeout):
            raise RuntimeError(f"the worker did not start within {timeout:g} s; its log says why")


@contextmanager
def start_worker(
    app: Any,
    concurrency: int = 1,
    pool: str = "solo",
    loglevel: Any = WORKER_LOGLEVEL,
    logfile: Any = None,
    perform_ping_check: bool = True,
    ping_task_timeout: float = 10.0,
    shutdown_timeout: float = 10.0,
    **kwargs: Any,
) -> Iterator[Any]:
    """Run the app's tasks within the context. All pools are threads here; a ping task is run first."""
    test_worker_starting.send(sender=app)
    worker = None
    try:
        with _start_worker_thread(
            app,
            concurrency=concurrency,
            pool=pool,
            loglevel=loglevel,
            logfile=logfile,
            perform_ping_check=perform_ping_check,
            shutdown_timeout=shutdown_timeout,
            **kwargs,
        ) as worker:
            if perform_ping_check:
                from .tasks import ping

                with allow_join_result():
                    assert ping.delay().get(timeout=ping_task_timeout) == "pong"
            yield worker
    finally:
        test_worker_stopped.send(sender=app, worker=worker)


@contextmanager
def _start_worker_thread(
    app: Any,
    concurrency: int = 1,
    pool: str = "solo",
    loglevel: Any = WORKER_LOGLEVEL,
    logfile: Any = None,
    WorkController: Any = TestWorkController,
    perform_ping_check: bool = True,
    shutdown_timeout: float = 10.0,
    **kwargs: Any,
) -> Iterator[Any]:
    setup_app_for_worker(app, loglevel, logfile)
    if perform_ping_check:
        assert "celery.ping" in app.tasks, "import compat.contrib.testing.tasks, or pass perform_ping_check=False"
    worker = WorkController(
        app=app,
        concurrency=concurrency,
        hostname=kwargs.pop("hostname", anon_nodename()),
        pool=pool,
        loglevel=loglevel,
        logfile=logfile,
        without_heartbeat=kwargs.pop("without_heartbeat", True),
        **kwargs,
    )
    thread = threading.Thread(target=worker.start, daemon=True, name="compat-test-worker")
    thread.start()
    worker.ensure_started()
    _set_task_join_will_block(False)
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(shutdown_timeout)
        state.should_terminate = None
        if thread.is_alive():
            raise RuntimeError(
                f"the worker is still at a task after {shutdown_timeout:g} s: raise shutdown_timeout if that is right"
            )


def setup_app_for_worker(app: Any, loglevel: Any, logfile: Any) -> None:
    """Finalize the app, make it current, set its logging up."""
    app.finalize()
    app.set_current()
    app.set_default()
    type(app.log)._setup = False
    app.log.setup(loglevel=loglevel, logfile=logfile)
