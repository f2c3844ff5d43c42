"""Which fault tests belong to the default suite: one of each kind, on one broker. ``pytest -m fault`` runs the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

GATE = {
    "test_a_killed_child_loses_no_job_and_its_jobs_run_again_at_once[redis]",
    "test_what_cannot_run_is_kept_and_shown_and_runs_after_the_mend",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.name not in GATE:
            item.add_marker(pytest.mark.fault)
