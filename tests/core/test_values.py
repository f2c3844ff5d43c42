"""Durations, references, retries, settings, schedules, listeners."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_scheduler.core.duration import format_duration, parse_duration
from pyramid_scheduler.core.errors import InvalidJob, InvalidSetting, UnknownTask, UntrustedMessage
from pyramid_scheduler.core.event import Event, EventType
from pyramid_scheduler.core.kind import JobKind
from pyramid_scheduler.core.listeners import Listener, Listeners
from pyramid_scheduler.core.message import Message
from pyramid_scheduler.core.reference import name_of, resolve
from pyramid_scheduler.core.retry import LONGEST_DELAY_SECONDS, RetryPolicy
from pyramid_scheduler.core.schedule import Schedule
from pyramid_scheduler.core.settings import parse_settings
from pyramid_scheduler.core.task import Task, TaskRegistry
from tests.shop import jobs


@given(st.integers(0, 10**7))
def test_a_duration_that_was_written_is_read_back(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1d12h", 129600), ("500ms", 0.5), (" 2 m ", 120), (7, 7)])
def test_durations_are_read_as_people_write_them(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 fortnights", "1d, 2h", "-5"])
def test_what_is_no_duration_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


class Shelf:
    def method(self) -> None: ...


def outer() -> Any:
    def inner() -> None: ...

    return inner


def hidden() -> None: ...


original, hidden = hidden, jobs.mark  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("func", "words"),
    [
        (lambda: None, "lambda"),
        (outer(), "nested"),
        (Shelf().method, "method"),
        (Shelf.method, "belongs to a class"),
        (functools.partial(jobs.mark, "x"), "not a function"),
        (original, "leads to another object"),
        (3, "not a function"),
        ("tests.shop.jobs.gone", "renamed or moved"),
        ("nowhere.at.all", "cannot be imported"),
        ("word", "package.module.function"),
    ],
)
def test_a_function_that_a_worker_could_not_import_is_refused_with_the_reason(func: Any, words: str) -> None:
    with pytest.raises(InvalidJob, match=words):
        name_of(func)


def test_a_module_level_function_has_the_name_it_is_imported_by() -> None:
    assert name_of(jobs.mark) == name_of("tests.shop.jobs:mark") == "tests.shop.jobs.mark"
    assert resolve("tests.shop.jobs.mark") is jobs.mark


@given(st.integers(0, 200), st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_a_retry_waits_no_longer_than_its_backoff_allows(retries: int, backoff: float, drawn: float) -> None:
    full = min(backoff * 2.0 ** min(retries, 64), LONGEST_DELAY_SECONDS)
    assert full / 2 <= RetryPolicy(9, backoff).delay_seconds(retries, lambda: drawn) <= full
    assert RetryPolicy(9, backoff, jitter=False).delay_seconds(retries) == full


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("scheduler.combind", "true", "did you mean scheduler.combined"),
        ("scheduler.jobstore.default.class", "x:Y", "kept in the ledger"),
        ("scheduler.qqqq", "", "docs/settings.md"),
        ("scheduler.combined", "perhaps", "neither true nor false"),
        ("scheduler.history", "soon", "not a duration"),
        ("scheduler.misfire_grace_time", "0", "write none for however late"),
        ("scheduler.queues", "", "at least one"),
        ("scheduler.worker.threads", "0", "at least 1"),
    ],
)
def test_a_wrong_setting_is_an_error_that_says_what_is_right(key: str, value: str, words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        parse_settings({key: value})


def test_settings_are_typed_and_other_keys_are_left_alone() -> None:
    settings = parse_settings(
        {
            "scheduler.combined": "no",
            "scheduler.queues": "mail slow",
            "scheduler.worker.max_memory": "512M",
            "scheduler.misfire_grace_time": "none",
            "scheduler.broker.socket_timeout": "3",
            "pyramid.includes": "x",
        }
    )
    assert not settings.combined
    assert settings.queues == ("mail", "slow")
    assert settings.worker_max_memory_bytes == 512 * 1024**2
    assert settings.misfire_grace_seconds is None
    assert settings.broker_options == {"socket_timeout": "3"}


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "horse" not in repr(parse_settings({"scheduler.secret": "horse", "scheduler.broker.password": "horse"}))


def test_a_schedule_travels_as_json_and_back() -> None:
    message = Message("q", {"id": "a", "task": "b.c", "compression": "gzip"}, b"\x00\xff", priority=3)
    schedule = Schedule("a", JobKind.CRON, "q", "b.c", {"type": "cron"}, message, next_fire_at=1.5, coalesce=False)
    assert Schedule.from_json(schedule.to_json()) == schedule


def test_a_listener_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    def deaf(event: Event) -> None:
        raise RuntimeError("deaf")

    listeners = Listeners()
    listeners.add(Listener(deaf, EventType.ALL))
    listeners.add(
        Listener(
            lambda event, *args, **kwargs: heard.append((event.type, args, kwargs)),
            EventType.JOB_FAILED,
            (1,),
            {"k": 2},
        )
    )
    listeners.emit(Event(EventType.JOB_FAILED))
    listeners.emit(Event(EventType.JOB_EXECUTED))
    assert heard == [(EventType.JOB_FAILED, (1,), {"k": 2})]
    assert "the job is not affected" in caplog.text
    listeners.remove(deaf)
    assert len(listeners._listeners) == 1


def test_an_untrusted_message_may_name_only_what_is_registered_or_allowed() -> None:
    tasks = TaskRegistry(["tests.shop"])
    tasks.add(Task("mine", print))
    assert tasks.get("mine", trusted=False).func is print
    assert tasks.get("tests.shop.jobs.mark", trusted=False).func is jobs.mark
    with pytest.raises(UntrustedMessage, match=r"scheduler\.allow"):
        tasks.get("os.system", trusted=False)
    with pytest.raises(UntrustedMessage):
        tasks.get("tests.shopping.jobs", trusted=False)
    for _ in range(2):  # whoever else has imported it in the meantime
        with pytest.raises(
            UntrustedMessage, match=r"tests\.shop\.jobs\.get_current_request, which pyramid\.threadlocal"
        ):
            tasks.get("tests.shop.jobs.get_current_request", trusted=False)
        assert tasks.get("tests.shop.jobs.get_current_request", trusted=True)
    assert tasks.get("os.getpid", trusted=True)
    with pytest.raises(UnknownTask):
        tasks.get("os.gone", trusted=True)
