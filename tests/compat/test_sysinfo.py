"""What the machine has, and how much of it a worker may use."""

from __future__ import annotations

import os
from typing import Any

import pytest

from compat.bin.worker import _concurrency
from compat.utils import sysinfo
from compat.utils.sysinfo import CpuBudget, cgroup_cpu_quota, cpu_budget, df, is_auto_concurrency, load_average

ROOT = "/sys/fs/cgroup"
POD = "0::/kubepods/pod7/web\n"
OLD = "5:memory:/docker/7\n4:cpu,cpuacct:/docker/7\nnonsense\n"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine of 16 CPUs with these files, and no others."""
    files: dict[str, str] = {}
    monkeypatch.setattr(sysinfo, "_read_text", files.get)
    monkeypatch.setattr(sysinfo, "available_cpu_count", lambda: 16)
    return files


@pytest.mark.parametrize(
    ("files", "quota", "count"),
    [
        ({}, None, 16),
        ({f"{ROOT}/cpu.max": "150000 100000\n"}, 1.5, 2),
        ({"/proc/self/cgroup": POD, f"{ROOT}/kubepods/pod7/web/cpu.max": "max 100000"}, None, 16),
        (
            {
                "/proc/self/cgroup": POD,
                f"{ROOT}/kubepods/pod7/web/cpu.max": "400000 100000",
                f"{ROOT}/kubepods/pod7/cpu.max": "20000 100000",
            },
            0.2,
            1,
        ),
        ({"/proc/self/cgroup": POD, f"{ROOT}/kubepods/cpu.max": "9900000 100000"}, 99.0, 16),
        ({"/proc/self/cgroup": POD, f"{ROOT}/cpu.max": "some 100000"}, None, 16),
        (
            {
                "/proc/self/cgroup": OLD,
                f"{ROOT}/cpu/docker/7/cpu.cfs_quota_us": "300000",
                f"{ROOT}/cpu/docker/7/cpu.cfs_period_us": "100000",
                f"{ROOT}/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                f"{ROOT}/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3.0,
            3,
        ),
    ],
    ids=["none", "of the root", "unlimited", "the least counts", "more than there is", "nonsense", "version 1"],
)
def test_the_least_quota_of_a_containers_groups_counts(
    machine: dict[str, str], files: dict[str, str], quota: float | None, count: int
) -> None:
    machine.update(files)

    assert cgroup_cpu_quota() == quota
    assert cpu_budget() == CpuBudget(count, 16, quota)


def test_auto_is_as_many_processes_as_a_container_may_keep_busy(machine: dict[str, str]) -> None:
    machine[f"{ROOT}/cpu.max"] = "150000 100000"

    assert _concurrency(" Auto ", computing=True) == 2
    assert _concurrency("auto", computing=False) == 16
    assert _concurrency("3", computing=True) == 3


@pytest.mark.parametrize(("said", "auto"), [("auto", True), (" AUTO\n", True), ("4", False), (4, False), (None, False)])
def test_auto_is_a_word_in_any_case(said: Any, auto: bool) -> None:
    assert is_auto_concurrency(said) is auto


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Any) -> None:
    assert sysinfo._read_text(str(tmp_path / "absent")) is None


def test_a_file_system_is_somewhat_full() -> None:
    root = df("/")

    assert 0 < root.available <= root.total_blocks
    assert 0 < root.capacity <= 101


def test_the_load_is_rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.541, 0.0, 12.999))

    assert load_average() == (0.55, 0.0, 13.0)


def test_there_is_a_cpu_whatever_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: None, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)

    assert sysinfo.available_cpu_count() == 2
