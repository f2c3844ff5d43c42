"""What Celery's API costs on our pipeline: ``.delay()`` beside ``add_async_job``, and a task's run beside a job's.

    python benchmarks/facade.py [--broker NAME …] [--jobs 4000] [--repeat 5] [--json FILE]

One process does everything: it adds jobs of one kind while nothing consumes, then runs them with a worker of one
thread, then does so with the other kinds, and all of that several times. All kinds call the same function, which does
nothing; results are off; CPU is the process's, between the tenth and the ninetieth percent of the queue. The medians of
the ratios within each round are shown, in which what else the machine does matters less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from place import redis_server

HERE = Path(__file__).resolve().parent
BROKERS = ("redis", "sqlite", "memory")
BASE = "add_async_job"
KINDS = (BASE, ".delay(), acks late", ".delay()")
FIGURES = ("enqueue wall µs", "enqueue CPU µs", "run wall µs", "run CPU µs")
PATIENCE_SECONDS = 120

_began: dict[int, tuple[float, float]] = {}
_done = threading.Event()


def job(note: int) -> None:
    """Nothing, but for a few that say when they began."""
    if note:
        _began[note] = time.perf_counter(), time.process_time()
        if note == 3:
            _done.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--broker", action="append", choices=BROKERS)
    parser.add_argument("--jobs", type=int, default=4_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results = {}
    with ExitStack() as stack:
        for broker in args.broker or BROKERS:
            url = stack.enter_context(redis_server()) if broker == "redis" else f"{broker}://"
            results[broker] = in_fresh_process(url, args.jobs, args.repeat)
            show(broker, results[broker])
    if args.json:
        args.json.write_text(json.dumps(results, indent=2))


def in_fresh_process(url: str, jobs: int, repeat: int) -> list[dict[str, list[float]]]:
    """Of each round, each kind's figures."""
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as directory:
        done = subprocess.run(
            [sys.executable, "-c", f"import facade; facade.measure({url!r}, {jobs}, {repeat})"],
            cwd=directory, env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}"},
            stdout=subprocess.PIPE, text=True, check=True, timeout=repeat * PATIENCE_SECONDS,
        )  # fmt: skip
    rounds: list[dict[str, list[float]]] = json.loads(done.stdout.splitlines()[-1])
    return rounds


def show(broker: str, rounds: list[dict[str, list[float]]]) -> None:
    print(f"{broker:<22}" + "".join(f"{title:>22}" for title in FIGURES))
    for kind in KINDS:
        cells = []
        for column in range(len(FIGURES)):
            value = statistics.median(one[kind][column] for one in rounds)
            ratio = statistics.median(one[kind][column] / one[BASE][column] for one in rounds)
            cells.append(f"{value:.0f} [{ratio:.2f}×]")
        print(f"  {kind:<20}" + "".join(f"{cell:>22}" for cell in cells))


def measure(url: str, jobs: int, repeat: int) -> None:
    """In a process of its own: prints the rounds."""
    import facade  # as a worker finds it

    kinds = facade.make_kinds(url)
    for kind in kinds.values():
        kind.run_once(100)  # connected, and all that is imported late imported
    rounds = []
    for number in range(repeat):
        shift = number % len(KINDS)
        rounds.append({name: kinds[name].run_once(jobs) for name in KINDS[shift:] + KINDS[:shift]})
    print(json.dumps(rounds), flush=True)
    os._exit(0)  # without waiting for idle threads


@dataclass(frozen=True)
class Kind:
    add: Callable[[int], Any]
    worker: Callable[[], AbstractContextManager[Any]]

    def run_once(self, count: int) -> list[float]:
        """FIGURES, per job."""
        notes = [0] * count
        notes[count // 10], notes[count * 9 // 10], notes[-1] = 1, 2, 3
        _done.clear()
        wall, cpu = time.perf_counter(), time.process_time()
        for note in notes:
            self.add(note)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        with self.worker():
            if not _done.wait(PATIENCE_SECONDS):
                raise SystemExit(f"the worker did not run {count} jobs within {PATIENCE_SECONDS} s")
        run = (ended - began for began, ended in zip(_began[1], _began[2], strict=True))
        return [wall * 1e6 / count, cpu * 1e6 / count, *(seconds * 1e6 / (0.8 * count) for seconds in run)]


def make_kinds(url: str) -> dict[str, Kind]:
    from compat import Celery
    from compat.contrib.testing.worker import start_worker
    from pyramid_scheduler import Scheduler, parse_settings

    broker = f"sqla+sqlite:///{os.getcwd()}/jobs.sqlite" if url == "sqlite://" else url
    said = {"scheduler.ledger.url": f"sqlite:///{os.getcwd()}/ledger.sqlite", "scheduler.allow": "facade"}
    settings = parse_settings({**said, "scheduler.broker.url": broker, "scheduler.worker.threads": 1})
    scheduler = Scheduler(settings)
    app = Celery("facade", broker=broker)
    app.conf.update(task_ignore_result=True, pyramid_scheduler=said)
    early = app.task(name="facade.early")(job)
    late = app.task(name="facade.late", acks_late=True)(job)

    def worker() -> AbstractContextManager[Any]:
        return start_worker(app, perform_ping_check=False, without_heartbeat=True)

    return {
        BASE: Kind(lambda note: scheduler.add_async_job(job, (note,)), lambda: running(scheduler)),
        KINDS[1]: Kind(late.delay, worker),
        KINDS[2]: Kind(early.delay, worker),
    }


@contextmanager
def running(scheduler: Any) -> Iterator[None]:
    scheduler.start_consumer()
    try:
        yield
    finally:
        scheduler.shutdown()


if __name__ == "__main__":
    main()
