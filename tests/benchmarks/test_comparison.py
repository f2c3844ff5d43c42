"""What the benchmarks rest on: ratios that point one way, turns that are fair, and children that do not survive."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
HAS_PROC = Path("/proc/self/stat").exists()


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only for a test: its modules have short names."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def fleet(directory: Path, program: str) -> Any:
    return import_module("fleet").Fleet([[sys.executable, "-c", program]], directory, dict(os.environ))


def test_a_ratio_above_one_means_that_ours_is_better_of_rates_and_of_costs() -> None:
    figures = import_module("figures")
    ours = figures.Figures(drained_per_second=300.0, latency_p50_ms=1.0)
    theirs = figures.Figures(drained_per_second=100.0, latency_p50_ms=4.0)
    assert figures.advantage("drained_per_second", ours, theirs) == 3.0
    assert figures.advantage("latency_p50_ms", ours, theirs) == 4.0
    assert figures.advantage("idle_megabytes", ours, theirs) is None


def test_a_median_is_that_of_the_trials_which_have_the_figure() -> None:
    figures = import_module("figures")
    trials = [figures.Figures(drained_per_second=value) for value in (1.0, 9.0, 2.0)]
    trials.append(figures.Figures(future_megabytes=7.0))
    assert figures.medians(trials) == figures.Figures(drained_per_second=2.0, future_megabytes=7.0)


def test_everyone_has_one_turn_a_round_and_another_one_begins_each() -> None:
    plan = import_module("plan")
    everyone = plan.subjects(["redis"], None, quick=False)
    turns = list(plan.rounds(everyone, 4))
    by_round = [[subject for number, subject in turns if number == each] for each in range(4)]
    assert all(sorted(each, key=str) == sorted(everyone, key=str) for each in by_round)
    assert len({each[0] for each in by_round}) == 4


def test_ours_is_measured_wherever_another_one_is_asked_for() -> None:
    plan = import_module("plan")
    chosen = plan.subjects(None, ["procrastinate"], quick=False)
    assert chosen == [plan.Subject("postgresql", "ours"), plan.Subject("postgresql", "procrastinate")]


@pytest.mark.skipif(not HAS_PROC, reason="it reads /proc")
def test_a_tree_ends_with_its_children_though_they_left_its_session() -> None:
    program = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    leader = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    import_module("process_tree").ProcessTree([leader.pid]).kill()
    assert leader.wait(10) == -9
    assert not Path(f"/proc/{child}/exe").exists()


@pytest.mark.skipif(not HAS_PROC, reason="it reads /proc")
def test_a_fleet_whose_worker_ends_says_what_the_worker_said(tmp_path: Path) -> None:
    with (
        fleet(tmp_path, "raise SystemExit('no such broker')") as workers,
        pytest.raises(RuntimeError, match="no such broker"),
    ):
        workers.wait_for_mark(-1, 30)


@pytest.mark.skipif(not HAS_PROC, reason="it reads /proc")
def test_a_fleet_hears_when_a_marked_job_began(tmp_path: Path) -> None:
    program = (
        f"import os, sys, time; sys.path.insert(0, {str(BENCHMARKS)!r});"
        f"os.environ['BENCH_DIRECTORY'] = {str(tmp_path)!r};"
        "from systems import work; work(0); work(-2); work(-1); time.sleep(60)"
    )
    with fleet(tmp_path, program) as workers:
        assert workers.wait_for_mark(-2, 30) <= workers.wait_for_mark(-1, 30)
