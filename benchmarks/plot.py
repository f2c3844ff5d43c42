"""The medians as bars: a row for each figure, a column for each broker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report import Result

ROWS = (
    ("drained_per_second", "jobs drained / s\n(more is better)"),
    ("enqueued_per_second", "jobs added / s, one by one\n(more is better)"),
    ("worker_cpu_microseconds", "worker CPU µs / job\n(less is better)"),
    ("latency_p50_ms", "median latency ms\n(less is better)"),
    ("idle_megabytes", "two idle workers, MB\n(less is better)"),
    ("future_enqueued_per_second", "jobs of tomorrow added / s\n(more is better)"),
)
OURS, THEIRS = "#1f5fa8", "#b9bec6"


def draw(results: Sequence[Result], path: Path, caption: str) -> None:
    """PNG, SVG or whatever the path's suffix says."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    brokers = list(dict.fromkeys(result.subject.broker for result in results))
    rows = [(name, label) for name, label in ROWS if any(getattr(result.medians, name) for result in results)]
    size = (4 * len(brokers), 2.4 * len(rows))
    figure, axes = pyplot.subplots(len(rows), len(brokers), figsize=size, squeeze=False, layout="constrained")
    for row, (name, label) in enumerate(rows):
        for column, broker in enumerate(brokers):
            _bars(axes[row][column], [one for one in results if one.subject.broker == broker], name)
            axes[0][column].set_title(broker)
        axes[row][0].set_ylabel(label, fontsize=8)
    figure.suptitle(caption, fontsize=8)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _bars(axis: Any, results: Sequence[Result], figure: str) -> None:
    known = {result.subject.name: getattr(result.medians, figure) for result in results}
    known = {name: value for name, value in known.items() if value}
    colours = [OURS if name == "ours" else THEIRS for name in known]
    bars = axis.bar(list(known), list(known.values()), color=colours)
    axis.bar_label(bars, fmt=_short, fontsize=6)
    axis.margins(y=0.15)
    axis.tick_params(axis="x", rotation=45, labelsize=7)
    axis.tick_params(axis="y", labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
