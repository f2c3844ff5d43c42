"""What the machine has, and how much of it this process may use."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

__all__ = (
    "AUTO_CONCURRENCY", "CpuBudget", "available_cpu_count", "cgroup_cpu_quota", "cpu_budget", "df",
    "is_auto_concurrency", "load_average",
)  # fmt: skip

#: As ``worker_concurrency``, or ``celery worker -c``: as many processes as there are CPUs to use.
AUTO_CONCURRENCY = "auto"
CGROUP_ROOT = "/sys/fs/cgroup"
PROC_SELF_CGROUP = "/proc/self/cgroup"


class CpuBudget(NamedTuple):
    """How many processes, of how many CPUs, and under which quota of CPU time, if under one."""

    count: int  # type: ignore[assignment]  # in place of the method of tuples, as in Celery
    available: int
    quota: float | None


def is_auto_concurrency(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() == AUTO_CONCURRENCY


def cpu_budget(use_cgroup_quota: bool = True) -> CpuBudget:
    """A process for each CPU, but (of those that compute) no more than the container's quota keeps busy."""
    available = available_cpu_count()
    quota = cgroup_cpu_quota() if use_cgroup_quota else None
    count = available if quota is None else min(available, max(1, ceil(quota)))
    return CpuBudget(count, available, quota)


def available_cpu_count() -> int:
    """How many CPUs this process may run on."""
    count: int | None = None
    if hasattr(os, "process_cpu_count"):
        count = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        with suppress(OSError):
            count = len(os.sched_getaffinity(0))
    return count or os.cpu_count() or 2


def cgroup_cpu_quota() -> float | None:
    """The CPUs that the control groups of this process leave it: the least of its own and those above it."""
    new, old, mounts = _own_groups()
    least = None if new is None else _least(CGROUP_ROOT, new, _quota_v2)
    if least is None and old is not None:
        found = (_least(posixpath.join(CGROUP_ROOT, mount), old, _quota_v1) for mount in mounts)
        least = next((quota for quota in found if quota is not None), None)
    return least


def _own_groups() -> tuple[str | None, str | None, list[str]]:
    """The group in the hierarchy of version 2, that for CPU time in those of version 1, and where this is mounted."""
    new = old = None
    mounts = ["cpu"]
    for line in (_read_text(PROC_SELF_CGROUP) or "").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon:
            continue
        if (hierarchy, controllers) == ("0", ""):
            new = path
        elif "cpu" in controllers.split(","):
            old, mounts = path, list(dict.fromkeys((controllers, "cpu")))
    return ("/", "/", mounts) if new is None and old is None else (new, old, mounts)


def _least(base: str, group: str, quota_of: Callable[[str], float | None]) -> float | None:
    quotas = (quota_of(posixpath.join(base, path.lstrip("/"))) for path in _ancestors(group))
    return min((quota for quota in quotas if quota is not None), default=None)


def _ancestors(path: str) -> list[str]:
    """The path and all above it: ``/a/b``, ``/a``, ``/``."""
    path = posixpath.normpath("/" + path.lstrip("/"))
    found = [path]
    while path != "/":
        path = posixpath.dirname(path)
        found.append(path)
    return found


def _quota_v2(folder: str) -> float | None:
    words = (_read_text(posixpath.join(folder, "cpu.max")) or "").split()
    return _cpus(*words) if len(words) == 2 else None


def _quota_v1(folder: str) -> float | None:
    quota = _read_text(posixpath.join(folder, "cpu.cfs_quota_us"))
    period = _read_text(posixpath.join(folder, "cpu.cfs_period_us"))
    return None if quota is None or period is None else _cpus(quota, period)


def _cpus(quota: str, period: str) -> float | None:
    """None where there is no limit, which is ``max`` in version 2 and -1 in version 1."""
    try:
        used, of = int(quota), int(period)
    except ValueError:
        return None
    return used / of if used > 0 and of > 0 else None


def _read_text(path: str) -> str | None:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


def load_average() -> tuple[float, ...]:
    """How many processes wanted to run, in the last 1, 5 and 15 minutes."""
    if not hasattr(os, "getloadavg"):
        return 0.0, 0.0, 0.0
    return tuple(ceil(load * 100) / 100 for load in os.getloadavg())


class df:
    """How full the file system of a path is; sizes in KiB."""

    def __init__(self, path: Any) -> None:
        self.path = path

    @property
    def total_blocks(self) -> float:
        return self.stat.f_blocks * self.stat.f_frsize / 1024

    @property
    def available(self) -> float:
        return self.stat.f_bavail * self.stat.f_frsize / 1024

    @property
    def capacity(self) -> int:
        """Per cent, as the command df rounds it."""
        used = self.stat.f_blocks - self.stat.f_bfree
        return ceil(used * 100.0 / (used + self.stat.f_bavail) + 0.5)

    @cached_property
    def stat(self) -> os.statvfs_result:
        return os.statvfs(os.path.abspath(self.path))
