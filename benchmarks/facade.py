"""What Celery's API costs on our pipeline: ``.delay()`` beside ``add_async_job``, and a task's run beside a job's.

    python benchmarks/facade.py [--broker NAME …] [--jobs 8000] [--repeat 5] [--json FILE]

One process adds jobs of one kind while nothing consumes; then a worker as users start it (a supervisor, with one
process of one thread) runs them; then the other kinds' turn comes, and all of that several times. All kinds call the
same function, which does nothing; results are off; running is measured by the jobs themselves between the tenth and
the ninetieth percent of the queue, its CPU is that of the process that runs them. The medians of the ratios within
each round are shown, in which what else the machine does matters less.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from place import Servers, place, redis_server

HERE = Path(__file__).resolve().parent
BROKERS = ("redis", "rabbitmq", "postgresql", "sqlite")
BASE = "add_async_job"
KINDS = (BASE, ".delay(), acks late", ".delay()")
FIGURES = ("enqueue wall µs", "enqueue CPU µs", "run wall µs", "run CPU µs")
PATIENCE_SECONDS = 120
MARKS = "marks"


def job(note: int) -> None:
    """Nothing, but for a few that say when they began."""
    if note:
        words = f"{note} {time.perf_counter()} {time.process_time()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(words.encode(), MARKS)


def main() -> None:
    args = parse()
    results = {}
    with ExitStack() as stack:
        chosen = args.broker or BROKERS
        redis_url = stack.enter_context(redis_server()) if "redis" in chosen else ""
        servers = Servers(redis_url, args.rabbitmq_url, args.postgresql_url)
        for broker in chosen:
            with place(broker, servers) as here:
                url = f"sqlite:///{here.url}" if broker == "sqlite" else here.url
                results[broker] = in_fresh_process(here.directory, url, here.queue, args.jobs, args.repeat)
            show(broker, results[broker])
    if args.json:
        args.json.write_text(json.dumps(results, indent=2))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--broker", action="append", choices=BROKERS)
    parser.add_argument("--jobs", type=int, default=8_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rabbitmq-url", default="amqp://guest:guest@127.0.0.1:5672/%2f")
    parser.add_argument("--postgresql-url", default="postgresql://postgres@127.0.0.1/postgres")
    return parser.parse_args()


def in_fresh_process(directory: Path, url: str, queue: str, jobs: int, repeat: int) -> list[dict[str, list[float]]]:
    """Of each round, each kind's figures."""
    done = subprocess.run(
        [sys.executable, "-c", f"import facade; facade.measure({jobs}, {repeat})"],
        cwd=directory,
        env={**os.environ, "FACADE_URL": url, "FACADE_QUEUE": queue, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}"},
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


def measure(jobs: int, repeat: int) -> None:
    """In a process of its own: prints the rounds."""
    import facade  # as a worker finds it

    kinds = facade.make_kinds()
    for kind in kinds.values():
        kind.run_once(100)  # connected, and all that is imported late imported
    rounds = []
    for number in range(repeat):
        shift = number % len(KINDS)
        rounds.append({name: kinds[name].run_once(jobs) for name in KINDS[shift:] + KINDS[:shift]})
    print(json.dumps(rounds), flush=True)


@dataclass(frozen=True)
class Kind:
    add: Callable[[int], Any]
    worker: str  # the function here that runs one

    def run_once(self, count: int) -> list[float]:
        """FIGURES, per job."""
        notes = [0] * count
        notes[count // 10], notes[count * 9 // 10], notes[-1] = 1, 2, 3
        wall, cpu = time.perf_counter(), time.process_time()
        for note in notes:
            self.add(note)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        began = self._run()
        run = (ended - begun for begun, ended in zip(began[1], began[2], strict=True))
        return [wall * 1e6 / count, cpu * 1e6 / count, *(seconds * 1e6 / (0.8 * count) for seconds in run)]

    def _run(self) -> dict[int, tuple[float, float]]:
        """When the jobs with notes began, by two clocks."""
        began: dict[int, tuple[float, float]] = {}
        with listening() as channel, running(self.worker):
            while len(began) < 3:  # what was given back comes later than what was behind it
                note, wall, cpu = channel.recv(100).split()
                began[int(note)] = float(wall), float(cpu)
        return began


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(PATIENCE_SECONDS)
        channel.bind(MARKS)
        try:
            yield channel
        finally:
            os.unlink(MARKS)


@contextmanager
def running(function: str) -> Iterator[None]:
    worker = subprocess.Popen([sys.executable, "-c", f"import facade; facade.{function}()"], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(PATIENCE_SECONDS)


def settings() -> dict[str, Any]:
    return {
        "scheduler.ledger.url": f"sqlite:///{os.getcwd()}/ledger.sqlite",
        "scheduler.allow": "facade",
        "scheduler.queues": os.environ["FACADE_QUEUE"],
    }


def make_scheduler() -> Any:
    from pyramid_scheduler import Scheduler, parse_settings

    return Scheduler(parse_settings({**settings(), "scheduler.broker.url": os.environ["FACADE_URL"]}))


def make_app() -> Any:
    from compat import Celery

    url = os.environ["FACADE_URL"]
    app = Celery("facade", broker=f"sqla+{url}" if "sql" in url else url)
    app.conf.update(
        task_ignore_result=True, task_default_queue=os.environ["FACADE_QUEUE"], pyramid_scheduler=settings()
    )
    app.task(name="facade.early")(job)
    app.task(name="facade.late", acks_late=True)(job)
    return app


def make_kinds() -> dict[str, Kind]:
    scheduler, app = make_scheduler(), make_app()
    scheduler.wiring.closed_ledger.upgrade()
    return {
        BASE: Kind(lambda note: scheduler.add_async_job(job, (note,)), "serve_scheduler"),
        KINDS[1]: Kind(app.tasks["facade.late"].delay, "serve_app"),
        KINDS[2]: Kind(app.tasks["facade.early"].delay, "serve_app"),
    }


def serve_scheduler() -> None:
    import facade

    from pyramid_scheduler import supervise

    supervise(facade.make_scheduler, threads=1, timekeeper=False)


def serve_app() -> None:
    import facade

    facade.app.worker_main(["-A", "facade:app", "worker", "-c", "1", "--without-heartbeat"])


def __getattr__(name: str) -> Any:
    """The app, where a worker's processes ask for it."""
    if name != "app":
        raise AttributeError(name)
    globals()["app"] = made = make_app()
    return made


if __name__ == "__main__":
    main()
