"""How fast a timekeeper fires: many date jobs stored, some of them due in the same second.

    python benchmarks/due_jobs.py [DATABASE_URL …] [--stored 100000] [--due 10000]

Prints, for each database (an empty one; default: a SQLite file in a temporary directory): how long storing took,
how long a timekeeper took to start, its memory, and how many jobs it fired per second. The timekeeper is a process of
its own; its jobs are published and not run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

from pyramid_scheduler import Scheduler, Settings
from pyramid_scheduler.core.schedule import Schedule

QUEUE = "default"
BATCH = 2000


def job() -> None:
    """Never run here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("urls", nargs="*")
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=10_000)
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{args.stored} stored, {args.due} due at once")
    with tempfile.TemporaryDirectory() as directory:
        for url in args.urls or [f"sqlite:///{directory}/due.sqlite"]:
            measure(url, args.stored, args.due)


def measure(url: str, stored: int, due: int) -> None:
    scheduler = Scheduler(Settings(broker_url=url))
    scheduler.wiring.closed_ledger.upgrade()
    storing = -time.perf_counter()
    store(scheduler, stored - due, time.time() + 2 * 86_400)
    due_at = time.time() + 5 + due / 1000  # when they are stored and the timekeeper is up, on a slow machine too
    store(scheduler, due, due_at)
    storing += time.perf_counter()
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    keeper = context.Process(target=keep, args=(url, ready, stop))
    starting = -time.perf_counter()
    keeper.start()
    ready.wait(60)
    starting += time.perf_counter()
    idle_megabytes = resident_megabytes(keeper.pid or 0)
    time.sleep(max(0.0, due_at - time.time()))
    firing, peak = -time.perf_counter(), idle_megabytes
    while scheduler.broker.size(QUEUE) < due:
        peak = max(peak, resident_megabytes(keeper.pid or 0))
        time.sleep(0.01)
    firing += time.perf_counter()
    stop.set()
    keeper.join(10)
    kind = url.partition(":")[0]
    print(
        f"{kind:<22} stored in {storing:5.1f} s   timekeeper up in {starting:4.2f} s   "
        f"memory {idle_megabytes:.0f} MB, at most {peak:.0f} MB   fired {due / firing:7.0f} jobs/s"
    )
    scheduler.shutdown(0)


def store(scheduler: Scheduler, count: int, at: float) -> None:
    now = time.time()
    for start in range(0, count, BATCH):
        messages = [
            scheduler.sealer.seal("benchmarks.due_jobs.job", (n,), {}, queue=QUEUE, headers={"ps-kind": "date"})
            for n in range(min(BATCH, count - start))
        ]
        scheduler.ledger.schedules.add([Schedule.once(message, at, now) for message in messages])


def keep(url: str, ready: Event, stop: Event) -> None:
    """The timekeeper's process."""
    timekeeper = Scheduler(Settings(broker_url=url)).wiring.timekeeper("benchmark")
    timekeeper.start()
    ready.set()
    stop.wait()
    timekeeper.stop(5)


def resident_megabytes(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0


if __name__ == "__main__":
    main()
