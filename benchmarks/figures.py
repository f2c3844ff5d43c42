"""What is measured of one system on one broker."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Figures:
    """Of one trial, or the medians of several. None: the system has no such thing, or it was not measured."""

    drained_per_second: float | None = None
    worker_cpu_microseconds: float | None = None
    enqueued_per_second: float | None = None
    producer_cpu_microseconds: float | None = None
    batched_per_second: float | None = None
    batch_cpu_microseconds: float | None = None
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    idle_megabytes: float | None = None
    idle_cpu_ms_per_second: float | None = None
    future_enqueued_per_second: float | None = None
    future_settled_seconds: float | None = None
    future_megabytes: float | None = None
    future_cpu_ms_per_second: float | None = None
    future_drained_per_second: float | None = None


#: Of these more is better, of all others less.
MORE_IS_BETTER = frozenset(
    {
        "drained_per_second",
        "enqueued_per_second",
        "batched_per_second",
        "future_enqueued_per_second",
        "future_drained_per_second",
    }
)


def medians(trials: Sequence[Figures]) -> Figures:
    """Each figure's median over the trials that have it."""
    columns = {field.name: [getattr(trial, field.name) for trial in trials] for field in fields(Figures)}
    known = {name: [value for value in values if value is not None] for name, values in columns.items()}
    return Figures(**{name: statistics.median(values) for name, values in known.items() if values})


def advantage(name: str, ours: Figures, theirs: Figures) -> float | None:
    """How many times better ours is; below 1 it is worse."""
    mine, other = getattr(ours, name), getattr(theirs, name)
    if not mine or not other:
        return None
    return mine / other if name in MORE_IS_BETTER else other / mine
