"""A producer in a process of its own: fills a queue, measures latency, or adds jobs of tomorrow; prints JSON."""

from __future__ import annotations

import importlib
import json
import random
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

WARM_UP = 20
BATCH = 500
FIRST, SECOND, LAST = -1, -2, -3
PATIENCE_SECONDS = 30
SHORTEST_PAUSE_SECONDS = 0.005


def fill(producer: Any, count: int, one_by_one: int) -> dict[str, Any]:
    """``count`` jobs; after so many one by one, the others in batches where the system has them."""
    notes = [0] * count
    notes[count // 10], notes[count * 9 // 10], notes[-1] = FIRST, SECOND, LAST
    producer.each([0] * WARM_UP)  # connected, and all that is imported late imported
    if not hasattr(producer, "batch"):
        return {"one": _timed(lambda: producer.each(notes), count), "batch": None}
    rest = notes[one_by_one:]
    batches = [rest[start : start + BATCH] for start in range(0, len(rest), BATCH)]
    return {
        "one": _timed(lambda: producer.each(notes[:one_by_one]), one_by_one),
        "batch": _timed(lambda: _for_each(producer.batch, batches), len(rest)),
    }


def later(producer: Any, count: int, delay_seconds: float) -> dict[str, Any]:
    """``count`` jobs of tomorrow."""
    return _timed(lambda: producer.later([0] * count, time.time() + delay_seconds), count)


def latency(producer: Any, count: int, longest_pause_seconds: float) -> list[int]:
    """Nanoseconds from just before an enqueue to the start of the function, one job at a time, ``count`` of them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(PATIENCE_SECONDS)
        channel.bind("latency")
        measured: list[int] = []
        producer.each(_probes(channel, WARM_UP + count, longest_pause_seconds, measured))
    return measured[WARM_UP:]


def _probes(channel: socket.socket, count: int, longest: float, measured: list[int]) -> Iterator[int]:
    """The time of each enqueueing, the next when the job before it has run and a pause is over."""
    pauses = random.Random(1)
    spread = longest / SHORTEST_PAUSE_SECONDS
    for _ in range(count):
        time.sleep(SHORTEST_PAUSE_SECONDS * spread ** pauses.random())
        yield time.monotonic_ns()
        measured.append(int(channel.recv(64)))


def _timed(work: Callable[[], None], count: int) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"per_second": count / wall, "cpu_microseconds": cpu * 1e6 / count}


def _for_each(call: Callable[[Sequence[int]], None], batches: Iterable[Sequence[int]]) -> None:
    for batch in batches:
        call(batch)


def main(system: str, phase: str, *arguments: str) -> None:
    with importlib.import_module(f"systems.{system}").producer() as producer:
        answer = {"fill": fill, "later": later, "latency": latency}[phase](producer, *map(json.loads, arguments))
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
