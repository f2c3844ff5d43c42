"""One trial of one system on one broker, in fresh processes and an empty place."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from card import Card, card_of
from figures import Figures
from fleet import Fleet
from interpreter import HERE, interpreter_for
from place import Place, Servers, environ_of, place
from plan import Sizes, Subject
from process_tree import ProcessTree
from producer import FIRST, LAST, SECOND

A_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Trial:
    subject: Subject
    sizes: Sizes
    servers: Servers

    def measure(self) -> Figures:
        """Fill, drain, be idle, answer: with the jobs of now. Raises RuntimeError."""
        count = self.sizes.jobs_of(self.subject)
        with self._place() as stage:
            filled = stage.produce("fill", count, self.sizes.one_by_one_of(count))
            with stage.fleet() as fleet:
                drained, cpu = drain(fleet, count, self.sizes.patience_seconds)
                fleet.wait_until_quiet(10)
                idle_cpu = fleet.cpu_in(self.sizes.idle_seconds)
                megabytes = fleet.tree.megabytes()
                latencies = stage.produce("latency", self.sizes.probes, self.sizes.longest_pause_seconds)
        percentiles = statistics.quantiles(latencies, n=100, method="inclusive")
        batch = filled["batch"] or {}
        return Figures(
            drained_per_second=drained,
            worker_cpu_microseconds=cpu,
            enqueued_per_second=filled["one"]["per_second"],
            producer_cpu_microseconds=filled["one"]["cpu_microseconds"],
            batched_per_second=batch.get("per_second"),
            batch_cpu_microseconds=batch.get("cpu_microseconds"),
            latency_p50_ms=percentiles[49] / 1e6,
            latency_p99_ms=percentiles[98] / 1e6,
            idle_megabytes=megabytes,
            idle_cpu_ms_per_second=idle_cpu * 1000,
        )

    def measure_future(self) -> Figures:
        """The same jobs beside many of tomorrow, which were added before them. Raises RuntimeError."""
        count, patience = self.sizes.jobs_of(self.subject), self.sizes.future_patience_seconds
        with self._place() as stage:
            added = stage.produce("later", self.sizes.future_jobs, A_DAY_SECONDS)
            stage.produce("fill", count, self.sizes.one_by_one_of(count))
            began = time.monotonic()
            with stage.fleet(keepers=True) as fleet:
                drained, _ = drain(fleet, count, patience)
                settled = fleet.wait_until_quiet(patience)
                seconds = time.monotonic() - began
                cpu = fleet.cpu_in(self.sizes.idle_seconds)
                megabytes = fleet.tree.megabytes()
        return Figures(
            future_enqueued_per_second=added["per_second"],
            future_settled_seconds=seconds if settled else None,
            future_megabytes=megabytes,
            future_cpu_ms_per_second=cpu * 1000,
            future_drained_per_second=drained,
        )

    @contextmanager
    def _place(self) -> Iterator[_Stage]:
        system, broker = self.subject.system, self.subject.broker
        card, python = card_of(system), interpreter_for(system)
        with place(broker, self.servers) as where:
            environ = environ_of(where, broker, confirms=self.subject.confirms)
            yield _Stage(system, card, python, where, environ, self.sizes.future_patience_seconds)


def drain(fleet: Fleet, count: int, patience_seconds: float) -> tuple[float, float]:
    """(jobs per second, CPU microseconds per job) between a tenth and nine tenths of the queue."""
    jobs = count * 9 // 10 - count // 10
    began = fleet.wait_for_mark(FIRST, patience_seconds)
    cpu = fleet.tree.cpu_seconds()
    ended = fleet.wait_for_mark(SECOND, patience_seconds)
    cpu = fleet.tree.cpu_seconds() - cpu
    fleet.wait_for_mark(LAST, patience_seconds)
    return jobs / max(ended - began, 1) * 1e9, cpu / jobs * 1e6


@dataclass(frozen=True)
class _Stage:
    """A place with a system in it."""

    system: str
    card: Card
    python: str
    place: Place
    environ: dict[str, str]
    patience_seconds: float

    def produce(self, phase: str, *arguments: Any) -> Any:
        """What a producer's process prints; raises RuntimeError."""
        process = subprocess.Popen(
            [self.python, str(HERE / "producer.py"), self.system, phase, *map(json.dumps, arguments)],
            cwd=self.place.directory, env=self.environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            printed, complaints = process.communicate(timeout=self.patience_seconds)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{phase} took longer than {self.patience_seconds:.0f} s") from error
        finally:
            ProcessTree([process.pid]).kill()
            process.wait()
        if process.returncode:
            raise RuntimeError(f"{phase}: {complaints[-800:].strip()}")
        return json.loads(printed.splitlines()[-1])

    def fleet(self, *, keepers: bool = False) -> Fleet:
        """The workers; with what else it takes to run jobs of tomorrow, if that is asked for."""
        commands = self.card.commands + (self.card.keepers if keepers else ())
        return Fleet(commands, self.place.directory, self.environ)
