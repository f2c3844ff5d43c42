"""How a process died, in Celery's words."""

from __future__ import annotations

import pytest

from compat.exceptions import WorkerLostError
from compat.worker.losses import by_celerys_name, raised
from pyramid_scheduler.api import WorkerLost


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("signal SIGKILL", "signal 9 (SIGKILL)"),
        ("signal 40", "signal 40"),
        ("exit status 1", "exitcode 1"),
        ("as it did before", "as it did before"),
    ],
)
def test_the_death_of_a_process_reads_as_celerys_does(how: str, said: str) -> None:
    error = by_celerys_name(WorkerLost("its process died", how=how))

    assert type(error) is WorkerLostError
    assert str(error) == f"Worker exited prematurely: {said}."


@pytest.mark.parametrize(("code", "status"), [(3, 3), (None, 0), ("a reason", 1)])
def test_a_task_that_exits_is_lost_with_its_status(code: object, status: int) -> None:
    error = raised(SystemExit(code))

    assert isinstance(error, WorkerLostError)
    assert str(error) == f"Worker exited prematurely: exitcode {status}."


def test_what_else_a_task_raises_is_not_renamed() -> None:
    error = ValueError("boom")

    assert raised(error) is by_celerys_name(error) is error
    assert str(raised(KeyboardInterrupt())) == "it raised KeyboardInterrupt()"
