"""Us and the others, on the same machine in one run, with two worker processes each.

    pip install -r benchmarks/requirements.txt
    python benchmarks/compare.py [--quick] [--only NAME …] [--broker NAME …] [--repeat N] [--jobs N]

Every trial is one system on one broker, in fresh processes and an empty place; the systems take turns. A job does
nothing. Measured are: adding jobs one by one and in batches; draining them, between the marks of the job at a tenth
and the one at nine tenths of the queue; what an idle worker takes, and how long after the enqueueing it begins a job
that comes alone; and all that beside 100,000 jobs of tomorrow. CPU and memory (PSS) are those of all processes that a
system started. Systems run as their documentation says is fast, without results, with JSON where it can be chosen;
the table names their settings and guarantees. A system that fails is reported, and the run goes on. A whole run takes
two to three hours, a quick one a minute and a half.

Linux only (/proc). Redis is a server of our own, started for the run, unless --redis-url names a database, which is
then emptied. PostgreSQL gets databases, RabbitMQ queues that are removed again. The figures of one run belong together;
those of two runs do not.
"""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from place import Servers, redis_server
from plan import QUICK, SYSTEMS, Sizes, rounds, subjects
from plot import draw
from report import Result, complain, machine, write_json
from table import render
from trial import Trial

HERE = Path(__file__).resolve().parent
#: A system that has failed so often is not tried again.
GIVEN_UP_AFTER = 2


def main() -> None:
    args = parse()
    signal.signal(signal.SIGTERM, leave)
    chosen = subjects(args.broker, args.only, quick=args.quick)
    if not chosen:
        raise SystemExit("nothing to measure: none of these systems runs on these brokers")
    with ExitStack() as stack:
        needs_redis = any(subject.broker == "redis" for subject in chosen)
        redis_url = args.redis_url or (stack.enter_context(redis_server()) if needs_redis else "")
        servers = Servers(redis_url, args.rabbitmq_url, args.postgresql_url)
        args.output.parent.mkdir(parents=True, exist_ok=True)
        Comparison(sizes_of(args), servers, args.output, [Result(subject) for subject in chosen]).run()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one broker each, few jobs, one round: under two minutes")
    parser.add_argument("--broker", action="append", choices=sorted(SYSTEMS), help="this one only (repeatable)")
    parser.add_argument("--only", action="append", metavar="NAME", help="this system and ours only (repeatable)")
    parser.add_argument("--repeat", type=int, metavar="N", help=f"trials of each (default {Sizes.repeat})")
    parser.add_argument("--jobs", type=int, metavar="N", help="jobs to drain (default: seconds' worth, by system)")
    parser.add_argument("--future", type=int, metavar="N", help="jobs of tomorrow (default 100,000, --quick: none)")
    parser.add_argument("--future-repeat", type=int, metavar="N", help="trials of each with them (default 1)")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "compare", help="writes OUTPUT.json and .png")
    parser.add_argument("--redis-url", help="a database to use, AND EMPTY; default: a server started for the run")
    parser.add_argument("--rabbitmq-url", default="amqp://guest:guest@127.0.0.1:5672/%2f")
    parser.add_argument("--postgresql-url", default="postgresql://postgres@127.0.0.1/postgres")
    return parser.parse_args()


def sizes_of(args: argparse.Namespace) -> Sizes:
    said = {"repeat": args.repeat, "jobs": args.jobs}
    said |= {"future_jobs": args.future, "future_repeat": args.future_repeat}
    return replace(QUICK if args.quick else Sizes(), **{key: value for key, value in said.items() if value is not None})


def leave(signum: int, frame: FrameType | None) -> None:
    """So that whatever was started is stopped."""
    raise SystemExit(128 + signum)


@dataclass
class Comparison:
    sizes: Sizes
    servers: Servers
    output: Path
    results: list[Result]

    def run(self) -> None:
        about = machine()
        print(f"{about['platform']}, Python {about['python']}, {about['cores']} cores, load {about['load'][0]:.1f}")
        try:
            for result in self.results:
                self._attempt(result, "looked up", result.describe)
            self._rounds(about)
        finally:
            print(render(self.results, self.sizes))
            write_json(self.output.with_suffix(".json"), about, self.sizes, self.results)
        draw(self.results, self.output.with_suffix(".png"), self._caption(about))
        print(f"\nwritten: {self.output.with_suffix('.json')} and {self.output.with_suffix('.png')}")

    def _rounds(self, about: dict[str, Any]) -> None:
        by_subject = {result.subject: result for result in self.results}
        for number, subject in rounds(list(by_subject), self.sizes.repeat):
            if by_subject[subject].card is None:  # it cannot even be imported
                continue
            self._round(number, by_subject[subject], Trial(subject, self.sizes, self.servers))
            write_json(self.output.with_suffix(".json"), about, self.sizes, self.results)

    def _round(self, number: int, result: Result, trial: Trial) -> None:
        self._attempt(result, f"round {number + 1}", lambda: result.trials.append(trial.measure()))
        with_future = self.sizes.future_jobs and number < self.sizes.future_repeat
        if with_future and result.subject.keeps_future_jobs:
            self._attempt(result, "jobs of tomorrow", lambda: result.trials.append(trial.measure_future()))

    def _attempt(self, result: Result, what: str, measure: Callable[[], None]) -> None:
        if len(result.errors) >= GIVEN_UP_AFTER:
            return
        began = time.monotonic()
        try:
            measure()
        except Exception as error:  # whatever it is, the others are to be measured
            result.errors.append(f"{what}: {error or type(error).__name__}")
        complain(f"{result.subject.broker}: {result.subject.name}, {what}: {time.monotonic() - began:.0f} s")

    def _caption(self, about: dict[str, Any]) -> str:
        return f"medians of {self.sizes.repeat}, 2 worker processes, {about['cores']} cores, Python {about['python']}"


if __name__ == "__main__":
    main()
