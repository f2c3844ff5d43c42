"""Us and the others, on the same machine in one run: draining a queue with two worker processes, and filling it.

    pip install -r benchmarks/requirements.txt
    python benchmarks/compare.py [--quick] [--only NAME …] [--json FILE]

Each system runs as its own documentation says, with two worker processes; each has a module in `systems/`. A job does
nothing. Two of them, after a tenth and after nine tenths of the queue, write down the time: the rate is what was
drained between them. CPU is that of all worker processes, start-up included, per job. The figures of one run belong
together; those of two runs do not.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
#: broker → the systems that run on it
PLAN = {
    "redis": ("ours", "celery", "dramatiq", "huey", "rq", "taskiq", "saq"),
    "rabbitmq": ("ours", "celery", "dramatiq"),
    "postgresql": ("ours", "procrastinate"),
    "sqlite": ("ours", "huey"),
}
JOBS = {"ours": 30_000, "huey": 8_000, "dramatiq": 8_000, "taskiq": 8_000, "celery": 4_000}
SLOW_JOBS = 1_500
PATIENCE_SECONDS = 120


@dataclass
class Result:
    """One system on one broker: medians."""

    broker: str
    system: str
    guarantee: str
    drained_per_second: float
    enqueued_per_second: float
    batched_per_second: float | None
    worker_cpu_microseconds: float
    worker_megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round with fewer jobs, under two minutes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--broker", action="append", choices=sorted(PLAN))
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, two worker processes")
    results = [
        result
        for broker in args.broker or PLAN
        for system in PLAN[broker]
        if not args.only or system in args.only
        if (result := measure(broker, system, 1 if args.quick else args.rounds, quick=args.quick))
    ]
    print_table(results)
    if args.json:
        args.json.write_text(json.dumps([asdict(result) for result in results], indent=2))


def measure(broker: str, system: str, rounds: int, *, quick: bool) -> Result | None:
    module = importlib.import_module(f"systems.{system}")
    count = JOBS.get(system, SLOW_JOBS) // (3 if quick else 1)
    try:
        figures = [one_round(module, broker, count) for _ in range(rounds)]
    except (RuntimeError, subprocess.SubprocessError, OSError) as error:
        print(f"{system} on {broker} did not finish: {error}", file=sys.stderr)
        return None
    medians = [statistics.median(values) if values[0] is not None else None for values in zip(*figures, strict=True)]
    return Result(broker, system, module.GUARANTEE, *medians)  # type: ignore[arg-type]


def one_round(module: Any, broker: str, count: int) -> tuple[float, float, float | None, float, float]:
    """(drained/s, enqueued/s, enqueued in batches/s, CPU µs per job, MB of all workers)."""
    with tempfile.TemporaryDirectory() as directory:
        marks = Path(directory) / "marks"
        environ = {
            **os.environ,
            "BENCH_BROKER": broker,
            "BENCH_MARKS": str(marks),
            "BENCH_DIRECTORY": directory,
            "BENCH_QUEUE": f"bench{os.getpid()}_{time.time_ns() % 10**9}",
            "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}",
        }
        filled = subprocess.run(
            [sys.executable, str(HERE / "fill.py"), module.__name__, str(count)],
            cwd=directory, env=environ, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        if filled.returncode:
            raise RuntimeError(filled.stderr[-800:])
        enqueued, batched = json.loads(filled.stdout.splitlines()[-1])
        return *drain(module, environ, marks, count), enqueued, batched, *_pop_usage()  # type: ignore[return-value]


_USAGE: list[tuple[float, float]] = []


def _pop_usage() -> tuple[float, float]:
    return _USAGE.pop()


def drain(module: Any, environ: dict[str, str], marks: Path, count: int) -> tuple[float]:
    log = open(f"{environ['BENCH_DIRECTORY']}/log", "wb")  # noqa: SIM115 (the workers keep it)
    workers = [
        subprocess.Popen(
            words, cwd=environ["BENCH_DIRECTORY"], env=environ, stdout=log, stderr=log, start_new_session=True
        )
        for words in module.commands()
    ]
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(times := _marks(marks)) < 2:
            if time.monotonic() > deadline:
                raise RuntimeError(Path(log.name).read_text()[-800:])
            time.sleep(0.05)
        seconds, megabytes = usage(workers)
        _USAGE.append((seconds * 1e6 / (count * 0.9), megabytes))
        return (0.8 * count / (times[1] - times[0]),)
    finally:
        for worker in workers:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def _marks(path: Path) -> list[float]:
    return sorted(float(line) for line in path.read_text().split()) if path.exists() else []


def usage(workers: list[subprocess.Popen[bytes]]) -> tuple[float, float]:
    """CPU seconds and resident megabytes of the workers and all their children (start-up included)."""
    seconds = megabytes = 0.0
    groups = {worker.pid for worker in workers}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[2]) in groups:
                seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                megabytes += int((stat.parent / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        except (OSError, IndexError):
            continue
    return seconds, megabytes


def print_table(results: list[Result]) -> None:
    ours = {result.broker: result for result in results if result.system == "ours"}
    head = (
        f"{'broker':<11}{'system':<15}{'drain/s':>9}{'ratio':>8}{'enqueue/s':>11}{'ratio':>8}"
        f"{'batch/s':>9}{'CPU µs':>8}{'MB':>6}  guarantee"
    )
    print(head)
    for one in results:
        mine = ours.get(one.broker, one)
        batched = f"{one.batched_per_second:9.0f}" if one.batched_per_second else f"{'-':>9}"
        print(
            f"{one.broker:<11}{one.system:<15}{one.drained_per_second:9.0f}"
            f"{mine.drained_per_second / one.drained_per_second:7.1f}×{one.enqueued_per_second:11.0f}"
            f"{mine.enqueued_per_second / one.enqueued_per_second:7.1f}×{batched}"
            f"{one.worker_cpu_microseconds:8.0f}{one.worker_megabytes:6.0f}  {one.guarantee}"
        )


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
