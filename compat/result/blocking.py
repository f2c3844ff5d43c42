"""Whether this process may wait for results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from .._state import _set_task_join_will_block, task_join_will_block


def assert_will_not_block() -> None:
    """Raise RuntimeError within a task: waiting for a task that waits for this worker would never end."""
    if task_join_will_block():
        raise RuntimeError(
            "Never call result.get() within a task! Let a callback, a chain or a chord go on with the result; or, "
            "where "
            "it cannot be avoided, use allow_join_result()."
        )


@contextmanager
def _joining(blocks: bool) -> Iterator[None]:
    before = task_join_will_block()
    _set_task_join_will_block(blocks)
    try:
        yield
    finally:
        _set_task_join_will_block(before)


def allow_join_result() -> AbstractContextManager[None]:
    """A context within which results may be waited for."""
    return _joining(False)


def denied_join_result() -> AbstractContextManager[None]:
    """A context within which they may not."""
    return _joining(True)
