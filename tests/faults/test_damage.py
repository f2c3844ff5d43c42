"""Jobs that take from their process what it needs for its own work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fleet import Fleet, wait_for
from tests.shop import jobs

OTHERS = [f"job{n}" for n in range(40)]


def test_a_process_that_a_job_has_damaged_is_replaced_and_the_other_jobs_run(
    make_fleet: Callable[..., Fleet], tmp_path: Path
) -> None:
    fleet = make_fleet(
        f"sqlite:///{tmp_path}/jobs.sqlite", **{"scheduler.worker.processes": 1, "scheduler.worker.threads": 1}
    )
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.close_what_others_opened)
        for name in OTHERS:
            scheduler.add_async_job(jobs.mark, args=(name,))
    fleet.start()
    wait_for(lambda: set(OTHERS) <= set(fleet.ends()), seconds=60)
    wait_for(lambda: "ends, and its jobs go back: a job has closed" in fleet.logs(), seconds=60)
