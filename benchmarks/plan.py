"""Which systems are measured on which broker, and with how many jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CONFIRMED = "+confirms"

#: broker → the systems that run on it. (Celery's SQL transport is experimental: it polls once a second and loses what a
#: killed worker had taken. It is left out.)
SYSTEMS = {
    "redis": ("ours", "celery", "dramatiq", "huey", "rq", "taskiq", "arq", "saq"),
    "rabbitmq": ("ours", "celery", f"celery{CONFIRMED}", "dramatiq", f"dramatiq{CONFIRMED}", "taskiq"),
    "postgresql": ("ours", "huey", "procrastinate", "saq"),
    "sqlite": ("ours", "huey"),
}
#: One broker for each peer.
QUICK_SYSTEMS = {
    "redis": ("ours", "celery", "dramatiq", "huey", "rq", "taskiq", "arq", "saq"),
    "postgresql": ("ours", "procrastinate"),
}
#: Those that can hold a job until its time, by broker where not everywhere.
KEEPS_FUTURE_JOBS = {
    "ours": tuple(SYSTEMS),
    "celery": ("redis", "rabbitmq"),
    "dramatiq": ("redis", "rabbitmq"),
    "huey": tuple(SYSTEMS),
    "rq": ("redis",),
    "taskiq": ("redis",),
    "arq": ("redis",),
    "saq": ("redis", "postgresql"),
    "procrastinate": ("postgresql",),
}
#: About how many jobs two workers drain in a second, so that every trial takes about as long.
ABOUT_PER_SECOND = {
    ("redis", "ours"): 18_000,
    ("rabbitmq", "ours"): 14_000,
    ("postgresql", "ours"): 6_000,
    ("sqlite", "ours"): 14_000,
    ("redis", "celery"): 1_200,
    ("rabbitmq", "celery"): 3_000,
    ("redis", "dramatiq"): 4_500,
    ("rabbitmq", "dramatiq"): 8_000,
    ("redis", "huey"): 5_000,
    ("sqlite", "huey"): 3_000,
    ("redis", "taskiq"): 5_000,
    ("rabbitmq", "taskiq"): 2_500,
    ("redis", "saq"): 2_000,
}
SLOW_PER_SECOND = 600


@dataclass(frozen=True)
class Subject:
    """One system on one broker."""

    broker: str
    name: str

    @property
    def system(self) -> str:
        return self.name.removesuffix(CONFIRMED)

    @property
    def confirms(self) -> bool:
        return self.name.endswith(CONFIRMED)

    @property
    def keeps_future_jobs(self) -> bool:
        return not self.confirms and self.broker in KEEPS_FUTURE_JOBS[self.system]


@dataclass(frozen=True)
class Sizes:
    """How much is measured. ``jobs``: as many for every system, instead of some ``drain_seconds`` worth each."""

    repeat: int = 5
    jobs: int | None = None
    drain_seconds: float = 4.0
    one_by_one: int = 4_000
    probes: int = 300
    longest_pause_seconds: float = 0.2
    idle_seconds: float = 5.0
    future_jobs: int = 100_000
    future_repeat: int = 1
    patience_seconds: float = 120.0

    @property
    def future_patience_seconds(self) -> float:
        """The slowest add a few hundred a second."""
        return self.patience_seconds + self.future_jobs / 100

    def jobs_of(self, subject: Subject) -> int:
        if self.jobs is not None:
            return self.jobs
        return int(ABOUT_PER_SECOND.get((subject.broker, subject.system), SLOW_PER_SECOND) * self.drain_seconds)

    def one_by_one_of(self, count: int) -> int:
        return min(self.one_by_one, count // 2)


QUICK = Sizes(
    repeat=1,
    drain_seconds=0.8,
    one_by_one=1_000,
    probes=200,
    longest_pause_seconds=0.015,
    idle_seconds=1.0,
    future_jobs=0,
    patience_seconds=30.0,
)


def subjects(brokers: Sequence[str] | None, only: Sequence[str] | None, *, quick: bool) -> list[Subject]:
    """In the table's order; ours wherever anyone else is measured, who are said as ratios to it."""
    table = QUICK_SYSTEMS if quick and not brokers else SYSTEMS
    chosen = {
        broker: [name for name in table.get(broker, ()) if not only or name.removesuffix(CONFIRMED) in only]
        for broker in brokers or table
    }
    return [Subject(broker, name) for broker, names in chosen.items() if names for name in _with_ours(names)]


def _with_ours(names: Sequence[str]) -> Sequence[str]:
    return names if "ours" in names else ("ours", *names)


def rounds(all_subjects: Sequence[Subject], repeat: int) -> Iterator[tuple[int, Subject]]:
    """Everyone once a round; each round begins with another one, so that no system always has the same neighbour's
    heat, cache and disk."""
    for number in range(repeat):
        shift = number * len(all_subjects) // repeat
        yield from ((number, subject) for subject in (*all_subjects[shift:], *all_subjects[:shift]))
