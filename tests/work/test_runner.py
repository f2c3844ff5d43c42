"""The life of a job, with the ledger and the clock in our hands."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler.broker import payload
from pyramid_scheduler.broker.envelope import make_sealer
from pyramid_scheduler.core import message as wire
from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.errors import BrokerUnavailable, InvalidMessage, LedgerUnavailable, QueueUnavailable
from pyramid_scheduler.core.event import Event
from pyramid_scheduler.core.message import Delivery, Message
from pyramid_scheduler.core.run import Outcome, Parked, Run, RunState
from pyramid_scheduler.core.schedule import Schedule
from pyramid_scheduler.core.settings import Settings
from pyramid_scheduler.core.task import Task, TaskRegistry
from pyramid_scheduler.ledger.ledger import open_ledger
from pyramid_scheduler.work.limits import Limits
from pyramid_scheduler.work.prefetch import MOST, Prefetch
from pyramid_scheduler.work.runner import Runner
from pyramid_scheduler.work.settlement import Settlement
from pyramid_scheduler.work.settler import Settler

SEALER = make_sealer(Settings(), SystemClock(), local=True)


class Bench:
    """A runner with mocks around it."""

    def __init__(self, mocker: MockerFixture) -> None:
        self.cancellations, self.history = mocker.Mock(), mocker.Mock()
        self.cancellations.covers.return_value = False
        self.history.is_done.return_value = False
        self.history.begin_again.return_value = 0
        self.tasks = TaskRegistry()
        self.events: list[str] = []
        self.runner = Runner(
            name="w",
            sealer=SEALER,
            tasks=self.tasks,
            cancellations=self.cancellations,
            history=self.history,
            emit=self.emit,
            clock=SystemClock(),
            limits=Limits(SystemClock()),
            reserved={"reserved": lambda run: Outcome(RunState.IGNORED)},
        )

    def emit(self, event: Event) -> None:
        self.events.append(event.type.name or "")

    def register(self, func: Any) -> None:
        self.tasks.add(Task("it", func))

    def run(self, *, redelivered: bool = False, **headers: Any) -> Settlement:
        message = SEALER.seal("it", (), {}, queue="q", headers={"id": "me", **headers})
        return self.runner.run(payload.load(payload.dump(message), "q", "tag", redelivered))


@pytest.fixture
def bench(mocker: MockerFixture) -> Bench:
    return Bench(mocker)


def fail() -> None:
    raise ValueError("no")


def leave() -> None:
    raise SystemExit(3)


def test_a_job_that_returns_has_succeeded(bench: Bench) -> None:
    bench.register(lambda: 42)
    settlement = bench.run()
    assert settlement.outcome == Outcome(RunState.SUCCEEDED, 42)
    assert settlement.record is not None
    assert settlement.record.state == "succeeded"
    assert bench.events == ["JOB_CREATED", "JOB_EXECUTED", "JOB_REMOVED"]


@pytest.mark.parametrize("func", [fail, leave])
def test_a_job_that_raises_anything_has_failed_and_its_message_is_kept(bench: Bench, func: Any) -> None:
    bench.register(func)
    settlement = bench.run()
    assert settlement.outcome.state is RunState.FAILED
    assert settlement.parked is not None
    assert settlement.parked.message.id == "me"
    assert "Traceback" in settlement.parked.traceback
    assert bench.events == ["JOB_CREATED", "JOB_FAILED", "JOB_REMOVED"]


class Speechless(Exception):
    """Its text is to be had from somewhere that is away."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def __str__(self) -> str:
        raise self.error


@pytest.mark.parametrize(
    "error", [ValueError(), ConnectionError(), SystemExit()], ids=lambda error: type(error).__name__
)
def test_a_job_whose_error_cannot_say_what_it_is_has_failed_and_is_tried_again_as_any_other(
    bench: Bench, error: BaseException
) -> None:
    def fail_without_words() -> None:
        raise Speechless(error)

    bench.register(fail_without_words)
    again = bench.run(**{"ps-retry": [1, 0.0, ["builtins.Exception"], False]}).outcome
    assert again.state is RunState.RETRIED
    assert again.error.startswith("Speechless")
    assert bench.run().outcome.state is RunState.FAILED


def test_a_job_with_a_retry_left_is_stored_for_later_or_published_at_once(bench: Bench) -> None:
    bench.register(fail)
    later = bench.run(**{"ps-retry": [1, 60.0, ["builtins.ValueError"], False]}).outcome
    assert later.state is RunState.RETRIED
    [schedule] = later.later
    assert schedule.message.headers["retries"] == 1
    assert schedule.next_fire_at == pytest.approx(time.time() + 60, abs=5)
    at_once = bench.run(**{"ps-retry": [1, 0.0, ["builtins.ValueError"], False]}).outcome
    assert [message.headers["retries"] for message in at_once.follow_ups] == [1]
    assert bench.run(**{"ps-retry": [1, 0.0, ["builtins.KeyError"], False]}).outcome.state is RunState.FAILED
    assert (
        bench.run(retries=1, **{"ps-retry": [1, 0.0, ["builtins.ValueError"], False]}).outcome.state is RunState.FAILED
    )


def test_a_redelivered_run_whose_outcome_is_written_is_only_acked(bench: Bench) -> None:
    bench.register(fail)
    bench.history.is_done.return_value = True
    settlement = bench.run(redelivered=True)
    assert (settlement.record, settlement.parked, settlement.returned) == (None, None, False)
    assert bench.events == []


def test_who_had_it_before_is_given_the_time_to_write_what_came_of_it(bench: Bench, mocker: MockerFixture) -> None:
    bench.register(fail)
    bench.history.is_done.return_value = False
    waits = mocker.patch("time.sleep", side_effect=lambda seconds: setattr(bench.history.is_done, "return_value", True))
    delivery = payload.load(
        payload.dump(SEALER.seal("it", (), {}, queue="q", headers={})), "q", "tag", redelivered=True
    )
    delivery.unsettled_until = time.monotonic() + 0.2
    assert bench.runner.run(delivery).outcome.state is RunState.IGNORED
    ((waited,), _) = waits.call_args
    assert 0 < waited <= 0.2


def test_what_was_acked_early_and_comes_again_while_it_runs_is_only_acked(bench: Bench) -> None:
    bench.history.is_done.return_value = False
    bench.history.begin_again.return_value = 0
    body = payload.dump(SEALER.seal("it", (), {}, queue="q", headers={}))
    meanwhile: list[RunState] = []

    def run(redelivered: bool) -> RunState:
        return bench.runner.run(payload.load(body, "q", "tag", redelivered), begin).outcome.state

    def begin(delivery: Delivery) -> bool:
        delivery.begun = True
        return True

    bench.tasks.add(Task("it", lambda: meanwhile.append(run(redelivered=True)), ack_early=True))
    assert run(redelivered=False) is RunState.SUCCEEDED
    assert meanwhile == [RunState.IGNORED]
    assert run(redelivered=True) is RunState.SUCCEEDED


def test_what_came_of_an_earlier_job_of_the_same_id_does_not_keep_a_redelivered_one_from_running(
    bench: Bench, tmp_path: Path
) -> None:
    bench.register(lambda: 42)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", SystemClock(), embedded=True)
    ledger.open()
    bench.history.is_done.side_effect = ledger.history.is_done
    ledger.history.settle([bench.run().record], [], [])  # type: ignore[list-item]
    message = payload.dump(SEALER.seal("it", (), {}, queue="q", headers={"id": "me"}))

    again = bench.runner.run(payload.load(message, "q", "tag", redelivered=True))
    assert again.outcome.state is RunState.SUCCEEDED
    ledger.history.settle([again.record], [], [])  # type: ignore[list-item]
    assert bench.runner.run(payload.load(message, "q", "tag", redelivered=True)).outcome.state is RunState.IGNORED
    ledger.close()


def test_nor_does_what_came_of_another_call_of_its_id_that_was_due_sooner(bench: Bench) -> None:
    for due, later in (("2030-01-01T12:00:00+00:00", False), ("2030-01-01T12:05:00+00:00", True)):
        bench.run(redelivered=True, **{wire.DUE: due, wire.FINAL: True})
        (_, _, since), _ = bench.history.is_done.call_args
        assert (since > 1_893_499_200.0 + 60) is later  # 12:00
        assert bench.history.begin_again.call_args.args[1] == since
    bench.run(redelivered=True, **{wire.DUE: due, wire.FINAL: True, wire.CANCELED: True})  # which comes before
    assert bench.history.is_done.call_args.args[2] < 1_893_499_200.0


def test_a_run_that_was_not_redelivered_asks_the_ledger_nothing(bench: Bench) -> None:
    bench.register(lambda: None)
    bench.run()
    bench.history.is_done.assert_not_called()
    bench.history.begin_again.assert_not_called()


@pytest.mark.parametrize("where", ["cancellations.covers", "history.is_done", "history.begin_again"])
def test_where_the_ledger_does_not_answer_the_message_goes_back(bench: Bench, where: str) -> None:
    port, _, method = where.partition(".")
    getattr(getattr(bench, port), method).side_effect = LedgerUnavailable("away")
    bench.register(lambda: None)
    settlement = bench.run(redelivered=True)
    assert settlement.returned
    assert settlement.record is None


STRANGE: list[dict[str, Any]] = [
    {"expires": "never"},
    {"expires": [1]},
    {"ps-grace": "x", "ps-due": "2020-01-01"},
    {"eta": {"a": 1}},
    {"ps-retry": "x"},
    {"ps-created": "x"},
    {"ps-kind": ["x"]},
    {"timelimit": "x"},
    {"retries": 10**30},
    {"retries": "x"},
]


@pytest.mark.parametrize("headers", STRANGE, ids=str)
def test_headers_of_a_strange_type_harm_only_their_own_message(bench: Bench, headers: dict[str, Any]) -> None:
    bench.register(fail)
    settlement = bench.run(**headers)
    assert settlement.parked is not None
    assert not settlement.returned


def test_a_message_with_an_eta_is_stored_until_then_and_one_that_was_kept_runs(bench: Bench) -> None:
    bench.register(lambda: 1)
    [schedule] = bench.run(eta="2999-01-01T00:00:00").outcome.later
    assert schedule.message.id == "me"
    assert bench.run(eta="2999-01-01T00:00:00", **{"ps-due": "2020-01-01T00:00:00+00:00"}).outcome.result == 1
    assert bench.run(eta="2020-01-01T00:00:00").outcome.result == 1


def test_a_message_with_an_eta_that_no_timekeeper_could_send_on_is_kept_and_not_stored(bench: Bench) -> None:
    settlement = bench.run(eta="2999-01-01T00:00:00", **{"ps-grace": "long"})
    assert not settlement.outcome.later
    assert settlement.parked is not None
    assert "'long'" in settlement.parked.reason

    body = b'[["\xff"], {}, {}]'
    headers = {"id": "j", "task": "it", "eta": "2999-01-01T00:00:00"}
    settlement = bench.runner.run(Delivery("q", headers, body, "application/json", "utf-8", {}, "tag"))
    assert not settlement.outcome.later
    assert settlement.parked is not None


def test_messages_of_protocol_1_with_an_eta_are_stored_each_under_its_own_id(bench: Bench) -> None:
    bench.register(lambda: 1)

    def delivery(id_: str, headers: dict[str, Any]) -> Delivery:
        body = json.dumps({"task": "it", "id": id_, "eta": "2999-01-01T00:00:00"}).encode()
        return Delivery("q", headers, body, "application/json", "utf-8", {}, "tag")

    for id_ in ("one", "two"):
        [schedule] = bench.runner.run(delivery(id_, {})).outcome.later
        assert (schedule.id, schedule.message.id) == (id_, id_)
        fired = {**schedule.message.headers, "ps-due": "2020-01-01T00:00:00+00:00"}
        assert bench.runner.run(delivery(id_, fired)).outcome.result == 1


def test_a_run_that_is_put_off_by_its_task_is_neither_acked_nor_called_nor_over(bench: Bench) -> None:
    def put_off(run: Run) -> Outcome:
        return Outcome(RunState.IGNORED, later=(Schedule.once(run.delivery.message(), time.time() + 60, time.time()),))

    bench.tasks.add(Task("it", lambda: 1 / 0, gate=put_off, ack_early=True))

    settlement = bench.run()

    assert [one.id for one in settlement.outcome.later] == ["me"]
    assert (settlement.delivery.begun, settlement.record, settlement.parked, bench.events) == (False, None, None, [])


def test_a_run_that_its_task_lets_through_is_called(bench: Bench) -> None:
    bench.tasks.add(Task("it", lambda: 1, gate=lambda run: None))

    assert bench.run().outcome.state is RunState.SUCCEEDED


def test_recurring_runs_tell_neither_of_their_creation_nor_of_their_end(bench: Bench) -> None:
    bench.register(lambda: 1)
    bench.run(**{"ps-job": "sweep", "ps-due": "2020-01-01T00:00:00+00:00", "ps-kind": "interval"})
    assert bench.events == ["JOB_EXECUTED"]


class Source:
    """Remembers what it was told; fails as often as it is asked to."""

    def __init__(self) -> None:
        self.acked: list[str] = []
        self.given_back: list[str] = []

    def ack(self, deliveries: list[Delivery]) -> None:
        self.acked += [delivery.tag for delivery in deliveries]

    def give_back(self, deliveries: list[Delivery]) -> None:
        self.given_back += [delivery.tag for delivery in deliveries]


def settlement(tag: str, outcome: Outcome, **more: Any) -> Settlement:
    return Settlement(Delivery("q", {}, b"", "", "", {}, tag), outcome, **more)


def test_nothing_is_acked_before_follow_ups_are_published_and_outcomes_are_written(mocker: MockerFixture) -> None:
    history, publisher, source = mocker.Mock(), mocker.Mock(), Source()
    settler = Settler(history=history, publisher=publisher, stored=mocker.Mock())
    follow_up = Message("q", {"id": "again"}, b"")
    settler.add(settlement("a", Outcome(RunState.RETRIED, follow_ups=(follow_up,))))
    settler.add(settlement("b", Outcome(RunState.RETURNED), returned=True))
    publisher.publish.side_effect = BrokerUnavailable("away")
    with pytest.raises(BrokerUnavailable):
        settler.flush(source)  # type: ignore[arg-type]
    history.settle.assert_not_called()
    publisher.publish.side_effect = None
    history.settle.side_effect = LedgerUnavailable("away")
    with pytest.raises(LedgerUnavailable):
        settler.flush(source)  # type: ignore[arg-type]
    assert (source.acked, len(settler)) == ([], 2)
    history.settle.side_effect = None
    settler.flush(source)  # type: ignore[arg-type]
    assert (source.acked, source.given_back, len(settler)) == (["a"], ["b"], 0)
    assert publisher.publish.call_count == 2


def test_what_is_written_is_not_written_again_while_the_broker_is_away(
    mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    history, source = mocker.Mock(), Source()
    settler = Settler(history=history, publisher=mocker.Mock(), stored=mocker.Mock())
    parked = Parked("a", Message("q", {}, b""), RunState.FAILED, "ValueError: no")
    settler.add(settlement("a", Outcome(RunState.FAILED), parked=parked))
    ack = mocker.patch.object(source, "ack", side_effect=BrokerUnavailable("away"))
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            settler.flush(source)  # type: ignore[arg-type]
    settler.add(settlement("b", Outcome(RunState.SUCCEEDED)))
    ack.side_effect = None
    settler.flush(source)  # type: ignore[arg-type]
    assert [call.args[1] for call in history.settle.call_args_list if call.args[1]] == [[parked]]
    assert caplog.text.count("message a is kept") == 1
    assert len(settler) == 0


def test_a_queue_without_room_holds_up_no_other_outcome_and_what_waits_for_it_is_published_later(
    mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    history, publisher, source = mocker.Mock(), mocker.Mock(), Source()
    settler = Settler(history=history, publisher=publisher, stored=mocker.Mock())
    for tag in "ab":
        settler.add(settlement(tag, Outcome(RunState.RETRIED, follow_ups=(Message("full", {"id": tag}, b""),))))
    settler.add(settlement("c", Outcome(RunState.SUCCEEDED)))
    publisher.publish.side_effect = QueueUnavailable("full")
    for _ in range(3):
        settler.flush(source)  # type: ignore[arg-type]
    assert (source.acked, len(settler), settler.holds_claims) == (["c"], 2, True)
    assert [delivery.tag for delivery in settler.stuck] == ["a", "b"]
    assert (publisher.publish.call_count, caplog.text.count("wait until there is room")) == (3, 1)
    publisher.publish.side_effect = None
    settler.flush(source)  # type: ignore[arg-type]
    assert (source.acked, len(settler)) == (["c", "a", "b"], 0)


def test_what_follows_a_run_and_will_never_be_taken_holds_up_no_other_and_its_message_is_kept(
    mocker: MockerFixture,
) -> None:
    history, publisher, source = mocker.Mock(), mocker.Mock(), Source()
    settler = Settler(history=history, publisher=publisher, stored=mocker.Mock())
    settler.add(settlement("a", Outcome(RunState.RETRIED, follow_ups=(Message("q", {"id": "a"}, b""),))))
    settler.add(settlement("b", Outcome(RunState.SUCCEEDED)))
    publisher.publish.side_effect = InvalidMessage("too large")
    settler.flush(source)  # type: ignore[arg-type]
    assert (source.acked, len(settler)) == (["a", "b"], 0)
    parked = [one for call in history.settle.call_args_list for one in call.args[1]]
    assert len(parked) == 1


def test_a_queue_without_room_behind_what_will_never_be_taken_holds_up_nothing_either(mocker: MockerFixture) -> None:
    publisher, source = mocker.Mock(), Source()
    settler = Settler(history=mocker.Mock(), publisher=publisher, stored=mocker.Mock())
    errors = {"large": InvalidMessage("too large"), "full": QueueUnavailable("full")}
    for queue in errors:
        settler.add(settlement(queue, Outcome(RunState.RETRIED, follow_ups=(Message(queue, {"id": queue}, b""),))))
    settler.add(settlement("fine", Outcome(RunState.SUCCEEDED)))

    def publish(messages: list[Message]) -> None:
        raise errors[messages[0].queue]

    publisher.publish.side_effect = publish
    settler.flush(source)  # type: ignore[arg-type]
    assert (source.acked, [delivery.tag for delivery in settler.stuck]) == (["large", "fine"], ["full"])
    publisher.publish.side_effect = None
    settler.flush(source)  # type: ignore[arg-type]
    assert (source.acked, len(settler)) == (["large", "fine", "full"], 0)


def test_what_began_before_its_ack_is_acked_before_the_journal_forgets_it_and_is_never_given_back(
    mocker: MockerFixture,
) -> None:
    steps, source = mocker.Mock(), Source()
    mocker.patch.object(source, "ack", steps.ack)
    settler = Settler(history=mocker.Mock(), publisher=mocker.Mock(), stored=mocker.Mock(), journal=steps.journal)
    begun, returned = settlement("a", Outcome(RunState.SUCCEEDED)), settlement("b", Outcome(RunState.RETURNED))
    for one in (begun, returned):
        one.delivery.begun = True
    returned.returned = True
    settler.add(begun)
    settler.add(returned)
    steps.ack.side_effect = BrokerUnavailable("away")
    with pytest.raises(BrokerUnavailable):
        settler.flush(source)  # type: ignore[arg-type]
    steps.journal.end.assert_not_called()
    steps.ack.side_effect = None
    settler.flush(source)  # type: ignore[arg-type]
    both = [begun.delivery, returned.delivery]
    acking = [mocker.call.journal.note_acking(both), mocker.call.ack(both)]
    assert steps.mock_calls == [*acking, *acking, mocker.call.journal.end(*both)]
    assert (begun.delivery.acked, returned.delivery.acked, source.given_back) == (True, True, [])


def test_short_jobs_are_buffered_and_long_ones_are_not() -> None:
    prefetch = Prefetch(threads=2)
    for _ in range(200):
        prefetch.observe(0.00001)
    assert prefetch.extra == MOST
    prefetch.observe(5.0)
    assert prefetch.extra == 0
