"""What a worker takes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyramid_scheduler.broker import payload
from pyramid_scheduler.broker.envelope import make_sealer
from pyramid_scheduler.core import message as wire
from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.message import Delivery
from pyramid_scheduler.core.settings import Settings
from pyramid_scheduler.work.intake import Intake

KEYLESS = make_sealer(Settings(), SystemClock(), local=False)
KEYED = make_sealer(Settings(secrets=("correct-horse-battery",)), SystemClock(), local=False)


class FirstComeRuns:
    """The first token of each fire may run."""

    def __init__(self) -> None:
        self.holders: dict[str, str] = {}

    def claim(self, fires: Sequence[tuple[str, str]]) -> set[str]:
        for run_id, token in fires:
            self.holders.setdefault(run_id, token)
        return {token for run_id, token in fires if self.holders[run_id] == token}


class Basket:
    """A source that has what is put into it."""

    def __init__(self, *deliveries: Delivery) -> None:
        self.deliveries = list(deliveries)
        self.acked: list[Delivery] = []

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        taken, self.deliveries = self.deliveries, []
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self.acked += deliveries


def fire(token: str, retries: int = 0, **more: Any) -> Delivery:
    headers = {"id": "one", "task": "t", "retries": retries, wire.TOKEN: token, **more}
    return Delivery("q", headers, b"", "application/json", "utf-8", {}, token)


def sealed(token: str, sealer: Any) -> Delivery:
    message = sealer.seal("t", (), {}, queue="q", headers={"id": "one", wire.TOKEN: token})
    return payload.load(payload.dump(message), "q", token, redelivered=False)


def admitted(runs: Any, *deliveries: Delivery, sealer: Any = KEYED) -> tuple[list[str], list[str]]:
    source: Any = Basket(*deliveries)
    intake = Intake(threads=4, runs=runs, is_genuine=sealer.is_genuine)
    intake.fill(source, 0, 0.0)
    return [intake.take().tag for _ in range(len(intake))], [d.tag for d in source.acked]


def test_a_second_publication_of_one_fire_is_acked_and_does_not_run() -> None:
    assert admitted(FirstComeRuns(), fire("a"), fire("b")) == (["a"], ["b"])


def test_every_retry_of_a_run_is_a_fire_of_its_own() -> None:
    runs = FirstComeRuns()

    assert admitted(runs, fire("a")) == (["a"], [])
    assert admitted(runs, fire("b", retries=1)) == (["b"], [])
    assert admitted(runs, fire("c", retries=2)) == (["c"], [])
    assert admitted(runs, fire("d", retries=2)) == ([], ["d"])


def test_an_id_that_is_chosen_again_for_another_time_is_fired_again() -> None:
    runs, noon, later = FirstComeRuns(), {wire.FINAL: True, wire.DUE: "12:00"}, {wire.FINAL: True, wire.DUE: "12:05"}

    assert admitted(runs, fire("a", **noon), fire("b", **noon)) == (["a"], ["b"])
    assert admitted(runs, fire("c", **later), fire("d", **later)) == (["c"], ["d"])
    assert admitted(runs, fire("e", retries=1, **noon), fire("f", retries=1, **later)) == (["e", "f"], [])


def test_a_recurring_job_s_run_is_told_by_its_id_alone_as_the_ledger_has_it() -> None:
    runs = FirstComeRuns()
    admitted(runs, fire("a", **{wire.DUE: "12:00"}))

    assert [fired.split()[-1] for fired in runs.holders] == ["one"]


def test_what_is_not_signed_takes_the_place_of_nothing_that_is() -> None:
    forged, signed = sealed("forged", KEYLESS), sealed("signed", KEYED)
    altered, strange = sealed("altered", KEYED), sealed("strange", KEYED)
    altered.headers = {**altered.headers, "expires": "never"}
    strange.headers = {**strange.headers, "eta": {("a",): 1}}
    again = sealed("forged again", KEYLESS), sealed("signed again", KEYED)

    ran, acked = admitted(FirstComeRuns(), forged, altered, strange, signed, *again)

    assert ran == ["forged", "altered", "strange", "signed"]  # two of which a runner refuses, and keeps
    assert acked == ["forged again", "signed again"]
