"""What an entry of the beat schedule sends: what a call of its task would."""

from __future__ import annotations

from typing import Any

import pytest
from kombu.common import Broadcast
from kombu.entity import Exchange, Queue

from compat import Task, signals
from compat.exceptions import AlwaysEagerIgnored, ImproperlyConfigured
from compat.periodic import declared_job
from tests.servers import unique


class Tenant(Task):
    """Says on whose behalf it is sent."""

    def apply_async(self, *args: Any, **options: Any) -> Any:
        options["headers"] = {"tenant": "acme"}
        return super().apply_async(*args, **options)


class Silent(Task):
    def apply_async(self, *args: Any, **options: Any) -> Any:
        return None


class Broken(Task):
    def apply_async(self, *args: Any, **options: Any) -> Any:
        raise LookupError("no tenant")


def job(app: Any, base: type[Task] = Task, task: dict[str, Any] | None = None, **entry: Any) -> Any:
    @app.task(name="t", base=base, **(task or {}))
    def run(*args: Any) -> None: ...

    return declared_job(app, "e", {"task": "t", "schedule": 5, **entry})


def test_what_apply_async_of_a_base_class_and_receivers_of_publishing_add_is_in_it(app: Any) -> None:
    def publishing(headers: dict[str, Any], **kwargs: Any) -> None:
        headers["published"] = True

    signals.before_task_publish.connect(publishing)
    try:
        headers = job(app, Tenant).message.headers
    finally:
        signals.before_task_publish.disconnect(publishing)

    assert (headers["tenant"], headers["published"]) == ("acme", True)


def test_a_receiver_may_ask_whether_it_is_of_beat(app: Any) -> None:
    headers = job(app, options={"headers": {"mine": 1}}).message.headers

    assert (headers["celery_beat_task"], headers["mine"]) == (True, 1)


@pytest.mark.parametrize("base", [Silent, Broken])
def test_an_apply_async_that_sends_nothing_does_not_keep_a_worker_from_starting(
    app: Any, base: type[Task], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="celery.beat")

    made = job(app, base, {"ignore_result": True})

    assert made.message.headers["ignore_result"] is True
    assert ("apply_async fails" in caplog.text) == (base is Broken)


@pytest.mark.parametrize(
    ("task", "options", "ignored"),
    [
        ({"ignore_result": True}, {}, True),
        ({}, {"ignore_result": True}, True),
        ({"ignore_result": True}, {"ignore_result": False}, False),
        ({}, {}, False),
    ],
    ids=["of the task", "of the entry", "the entry goes first", "neither"],
)
def test_results_are_ignored_as_the_task_or_the_entry_says(
    app: Any, task: dict[str, Any], options: dict[str, Any], ignored: bool
) -> None:
    assert job(app, Task, task, options=options).message.headers["ignore_result"] is ignored


def test_no_run_expires_waits_or_answers_as_the_first_call_would(app: Any) -> None:
    message = job(app, Task, {"expires": 60}, options={"countdown": 10}).message

    assert message.expires_at is None
    assert not {"expires", "eta"} & message.headers.keys()
    assert not {"reply_to", "correlation_id"} & message.properties.keys()


def test_nothing_is_run_and_no_message_is_sent_when_an_entry_is_read(app: Any) -> None:
    ran: list[int] = []
    app.conf.update(task_default_queue=unique("periodic"), task_default_delivery_mode="transient")
    made = job(app)

    @app.task(name="eager")
    def run() -> None:
        ran.append(1)

    app.conf.task_always_eager = True
    with pytest.warns(AlwaysEagerIgnored):
        declared_job(app, "e", {"task": "eager", "schedule": 5})

    assert ran == []
    assert app.pipeline.scheduler.broker.size(made.queue) == 0


def test_nobody_is_told_of_a_run_when_an_entry_is_read(app: Any) -> None:
    app.conf.task_send_sent_event = True
    told: list[str] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"task-sent": lambda event: told.append(event["uuid"])})
        receiver.queue(receiver.channel).declare()

        job(app)
        sent = app.tasks["t"].delay()
        receiver.capture(limit=1, timeout=5, wakeup=False)

    assert told == [sent.id]


QUEUES = [
    Queue("media", Exchange("media", type="topic"), routing_key="media.#"),
    Queue("direct", Exchange("shop", type="direct"), routing_key="shop.key"),
    Queue("one", Exchange("shop", type="direct"), routing_key="both"),
    Queue("other", Exchange("shop", type="direct"), routing_key="both"),
]


@pytest.mark.parametrize(
    ("options", "route", "queue"),
    [
        ({"queue": "media"}, "one", "media"),
        ({"exchange": "media", "routing_key": "media.#"}, "one", "media"),
        ({"exchange": Exchange("shop"), "routing_key": "shop.key"}, "one", "direct"),
        ({"queue": Queue("unlisted")}, "one", "unlisted"),
        ({}, {"exchange": "shop", "routing_key": "shop.key"}, "direct"),
    ],
    ids=["a queue of a topic exchange", "exchange and key", "an exchange object", "a queue object", "by route"],
)
def test_an_entry_goes_to_the_queue_that_its_destination_leads_to(
    app: Any, options: dict[str, Any], route: Any, queue: str
) -> None:
    app.conf.update(task_queues=[Queue("tests"), *QUEUES], task_routes={"t": route})

    assert job(app, options=options).queue == queue


@pytest.mark.parametrize("key", ["both", "neither"])
def test_an_exchange_that_does_not_lead_to_one_queue_is_refused_with_the_way_out(app: Any, key: str) -> None:
    app.conf.task_queues = [Queue("tests"), *QUEUES]

    with pytest.raises(ImproperlyConfigured, match=r"beat_schedule\['e'\] goes to exchange 'shop'.*'queue'"):
        job(app, options={"exchange": "shop", "routing_key": key})


def test_an_entry_for_a_broadcast_queue_is_refused(app: Any) -> None:
    app.conf.task_queues = [Queue("tests"), Broadcast("news")]

    with pytest.raises(ImproperlyConfigured, match="broadcast queue news"):
        job(app, options={"queue": "news"})
