"""Tasks that hand their place to others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import chain, group
from compat.contrib.testing.worker import start_worker
from compat.exceptions import ImproperlyConfigured
from tests.compat.arithmetic import Arithmetic, value


@pytest.fixture
def tasks(app: Any) -> Arithmetic:
    return Arithmetic(app)


@pytest.fixture
def replacing(tasks: Arithmetic) -> Any:
    """A task that lets another run in its place: the one that is called that."""

    @tasks.app.task(bind=True, name="replacing", shared=False)
    def replacing(self: Any, with_what: str, *before: Any) -> Any:
        add, double, same = tasks.add, tasks.double, tasks.same
        made = {
            "task": lambda: add.s(1, 2),
            "chain": lambda: add.s(1, 2) | double.s(),
            "group": lambda: group(add.s(1, 2), same.s(9)),
            "chord": lambda: group(same.s(1), same.s(2)) | tasks.total.s(),
            "chain to group": lambda: same.s(1) | group(same.s(), double.s()),
            "failure": lambda: tasks.fail.s(),
            "another": lambda: replacing.s("task"),
            "empty": lambda: chain(),
        }
        return self.replace(made[with_what]())

    return replacing


@pytest.fixture
def working(replacing: Any, tasks: Arithmetic) -> Iterator[Arithmetic]:
    tasks.app.finalize()
    with start_worker(tasks.app, perform_ping_check=False):
        yield tasks


PLACES = pytest.mark.parametrize(
    ("with_what", "expected"),
    [("task", 3), ("chain", 6), ("group", [3, 9]), ("chord", 3), ("chain to group", [1, 2]), ("another", 3)],
)


@PLACES
def test_what_takes_a_task_s_place_has_its_id(
    working: Arithmetic, replacing: Any, with_what: str, expected: Any
) -> None:
    assert value(replacing.delay(with_what)) == expected


@PLACES
def test_what_was_to_follow_follows_it(working: Arithmetic, replacing: Any, with_what: str, expected: Any) -> None:
    callback = working.hear.s().set(task_id=f"callback of {with_what}")
    result = (replacing.s(with_what) | working.tell.s("after")).delay()
    value(replacing.apply_async((with_what,), link=callback))

    assert value(result) == [expected, "after"]
    assert value(working.app.AsyncResult(callback.id)) == expected


@PLACES
def test_in_a_group_it_keeps_the_place(working: Arithmetic, replacing: Any, with_what: str, expected: Any) -> None:
    made = group(working.same.s("first"), replacing.s(with_what), working.same.s("last"))

    assert value((made | working.same.s()).delay()) == ["first", expected, "last"]


def test_its_failure_is_the_replaced_task_s(working: Arithmetic, replacing: Any) -> None:
    errback = working.hear.si("heard").set(task_id="errback of a replacement")
    result = replacing.apply_async(("failure",), link_error=errback)

    with pytest.raises(ValueError, match="no"):
        value(result)
    assert value(working.app.AsyncResult(errback.id)) == "heard"


def test_it_belongs_to_what_the_task_belonged_to(tasks: Arithmetic, mocker: MockerFixture) -> None:
    task = tasks.same._get_current_object()
    replaced = mocker.patch.object(type(task), "on_replace", side_effect=lambda sig: sig)
    body = tasks.total.s()
    task.push_request(id="one", group="g", group_index=2, chord=body, root_id="root", errbacks=[tasks.hear.s()])

    task.replace(tasks.add.s(1, 2))

    options = replaced.call_args.args[0].options
    assert (options["task_id"], options["root_id"]) == ("one", "root")
    assert (options["group_id"], options["group_index"], options["chord"]) == ("g", 2, body)
    assert options["link_error"] == [tasks.hear.s()]


def test_an_empty_chain_takes_no_place(replacing: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="empty chain"):
        replacing.apply(("empty",)).get()


def test_eagerly_the_replacement_s_value_is_the_task_s(replacing: Any) -> None:
    assert [replacing.apply((name,)).get() for name in ("task", "chain", "chord", "another")] == [3, 6, 3, 3]


def test_outside_of_a_chord_nothing_can_be_added_to_it(tasks: Arithmetic) -> None:
    @tasks.app.task(bind=True, shared=False)
    def adds(self: Any) -> None:
        self.add_to_chord(tasks.same.s(1))

    with pytest.raises(ValueError, match="not member of any chord"):
        adds.apply().get()
