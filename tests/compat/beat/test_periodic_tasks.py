"""``app.add_periodic_task``."""

from __future__ import annotations

from typing import Any

import pytest

from compat import Celery
from compat.schedules import crontab


@pytest.fixture
def unread() -> Any:
    """An app whose settings nobody has read yet."""
    return Celery("unread", broker="memory://", set_as_current=False)


def added(x: int, y: int) -> int:
    return x + y


def test_its_key_is_what_the_call_looks_like(app: Any) -> None:
    add = app.task(name="add")(added)

    assert app.add_periodic_task(10, add.s(1, y=2)) == "add(1, y=2)"
    assert app.conf.beat_schedule["add(1, y=2)"] == {
        "schedule": 10,
        "task": "add",
        "args": (1,),
        "kwargs": {"y": 2},
        "options": {},
    }


def test_arguments_and_options_may_be_said_beside_the_signature(app: Any) -> None:
    add = app.task(name="add")(added)
    app.add_periodic_task(crontab(hour=7), add.s(2).set(queue="q"), (1,), {"z": 3}, name="n", expires=60)
    entry = app.conf.beat_schedule["n"]

    assert (entry["args"], entry["kwargs"]) == ((1, 2), {"z": 3})
    assert entry["options"] == {"queue": "q", "expires": 60}


def test_a_task_will_do_for_a_signature(app: Any) -> None:
    tick = app.task(name="tick")(added)
    app.add_periodic_task(5, tick, args=(1,), name="n")

    assert (app.conf.beat_schedule["n"]["task"], app.conf.beat_schedule["n"]["args"]) == ("tick", (1,))


def test_adding_one_does_not_read_the_configuration(unread: Any) -> None:
    unread.add_periodic_task(5, unread.signature("tick"), name="n")

    assert not unread.configured
    assert unread.conf.beat_schedule["n"]["task"] == "tick"


def test_those_added_when_the_app_is_configured_are_there(unread: Any) -> None:
    @unread.on_after_configure.connect
    def add(sender: Any, **kwargs: Any) -> None:
        sender.add_periodic_task(5, sender.signature("tick"), name="n")

    assert list(unread.conf.beat_schedule) == ["n"]


def test_two_unnamed_ones_of_the_same_call_are_one_with_a_warning(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", logger="celery")
    app.conf.beat_schedule = {}
    for seconds in (5, 7):
        app.add_periodic_task(seconds, app.signature("tick"))

    assert [entry["schedule"] for entry in app.conf.beat_schedule.values()] == [7]
    assert "shadowed" in caplog.text


def test_apps_do_not_share_their_periodic_tasks(app: Any, unread: Any) -> None:
    app.add_periodic_task(5, app.signature("tick"), name="mine")

    assert "mine" not in unread.conf.beat_schedule
