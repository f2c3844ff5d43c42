"""The tables: each figure with, in brackets, how many times better ours is (below 1: worse)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from figures import Figures, advantage
from plan import Sizes
from report import Result


@dataclass(frozen=True)
class Column:
    title: str
    figure: str
    digits: int = 0


NOW = (
    Column("drain/s", "drained_per_second"),
    Column("CPU µs/job", "worker_cpu_microseconds"),
    Column("add/s", "enqueued_per_second"),
    Column("CPU µs/add", "producer_cpu_microseconds"),
    Column("batch add/s", "batched_per_second"),
    Column("CPU µs/add", "batch_cpu_microseconds"),
)
IDLE = (
    Column("p50 ms", "latency_p50_ms", 2),
    Column("p99 ms", "latency_p99_ms", 2),
    Column("MB (PSS)", "idle_megabytes"),
    Column("CPU ms/s", "idle_cpu_ms_per_second", 1),
)
FUTURE = (
    Column("add/s", "future_enqueued_per_second"),
    Column("settled s", "future_settled_seconds", 1),
    Column("MB (PSS)", "future_megabytes"),
    Column("CPU ms/s", "future_cpu_ms_per_second", 1),
    Column("drain/s", "future_drained_per_second"),
)
NAME_WIDTH, WIDTH = 21, 17


def render(results: Sequence[Result], sizes: Sizes) -> str:
    return "\n".join(_lines(results, sizes))


def _lines(results: Sequence[Result], sizes: Sizes) -> Iterator[str]:
    yield f"medians of {sizes.repeat}; in brackets how many times better ours is, below 1: worse"
    for broker in dict.fromkeys(result.subject.broker for result in results):
        rows = [result for result in results if result.subject.broker == broker]
        yield ""
        yield from _table(f"{broker}: work", NOW, rows)
        yield from _table(f"{broker}: two idle workers, one job at a time", IDLE, rows)
        yield from _table(f"{broker}: beside {sizes.future_jobs:,} jobs of tomorrow", FUTURE, rows)
        yield from _remarks(rows)


def _table(title: str, columns: Sequence[Column], rows: Sequence[Result]) -> Iterator[str]:
    known = [row for row in rows if any(getattr(row.medians, column.figure) is not None for column in columns)]
    if not known:
        return
    ours = next((row.medians for row in rows if row.subject.name == "ours"), Figures())
    yield title
    yield " " * NAME_WIDTH + "".join(f"{column.title:>{WIDTH}}" for column in columns)
    for row in known:
        cells = (_cell(column, ours, row) for column in columns)
        yield f"{row.subject.name:<{NAME_WIDTH}}" + "".join(f"{cell:>{WIDTH}}" for cell in cells)
    yield ""


def _cell(column: Column, ours: Figures, row: Result) -> str:
    value = getattr(row.medians, column.figure)
    if value is None:
        return "-"
    better = None if row.subject.name == "ours" else advantage(column.figure, ours, row.medians)
    said = f"{value:,.{column.digits}f}"
    return said if better is None else f"{said} [{better:.{1 if better >= 1 else 2}f}×]"


def _remarks(rows: Sequence[Result]) -> Iterator[str]:
    for row in rows:
        card = row.card
        yield f"{row.subject.name}" + (f" {card.version}: {card.guarantee}. {card.settings}." if card else "")
        yield from (f"  FAILED: {error}" for error in dict.fromkeys(row.errors))
