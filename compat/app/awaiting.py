"""Tasks that are coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

_thread = threading.local()


def wait_for(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns. It runs on this thread's own loop; within a running one, on another thread's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _runner().run(coroutine)
    return _elsewhere(coroutine)


def _runner() -> asyncio.Runner:
    if not hasattr(_thread, "runner"):
        _thread.runner = asyncio.Runner()
    runner: asyncio.Runner = _thread.runner
    return runner


def _elsewhere(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """An eager call within a coroutine: its loop is busy with the caller."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.extend((asyncio.run(coroutine), None))
        except BaseException as error:
            outcome.extend((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]
