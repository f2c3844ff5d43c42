"""Signatures: what they hold, how they take more, how they travel."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import chain, chord, group, signature
from compat.canvas import Signature, maybe_signature
from compat.contrib.testing.app import set_trap
from compat.exceptions import NotRegistered
from tests.compat.arithmetic import Arithmetic


def test_a_signature_is_a_dict_of_what_the_call_needs(tasks: Arithmetic) -> None:
    assert tasks.add.s(1, y=2) == {
        "task": "add",
        "args": (1,),
        "kwargs": {"y": 2},
        "options": {},
        "subtask_type": None,
        "immutable": False,
    }


def test_the_three_ways_to_write_it_make_the_same(tasks: Arithmetic) -> None:
    assert tasks.add.s(1, 2) == tasks.add.signature((1, 2)) == signature("add", args=(1, 2))
    assert tasks.add.si(1, 2) == tasks.add.signature((1, 2), immutable=True)


def test_options_may_be_given_as_keywords_or_as_a_dict(tasks: Arithmetic) -> None:
    sig = tasks.add.signature((1, 2), countdown=3, options={"queue": "slow"})

    assert sig.options == {"countdown": 3, "queue": "slow"}


def test_it_is_read_by_attributes(tasks: Arithmetic) -> None:
    sig = tasks.add.si(1, y=2).set(task_id="one", root_id="root", parent_id="parent")

    assert (sig.task, sig.name, sig.args, sig.kwargs) == ("add", "add", (1,), {"y": 2})
    assert (sig.id, sig.root_id, sig.parent_id, sig.immutable) == ("one", "root", "parent", True)
    assert sig.app is tasks.app
    assert sig.type.name == "add"


def test_set_changes_the_signature_itself_and_returns_it(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1)

    assert sig.set(queue="slow", immutable=True) is sig
    assert (sig.options, sig.immutable) == ({"queue": "slow"}, True)


def test_arguments_of_a_copy_come_before_those_that_are_there(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1, y=2, z=3)
    copied = sig.clone((0,), {"z": 4}, countdown=5)

    assert (copied.args, copied.kwargs, copied.options) == ((0, 1), {"y": 2, "z": 4}, {"countdown": 5})
    assert (sig.args, sig.kwargs, sig.options) == ((1,), {"y": 2, "z": 3}, {})


def test_an_immutable_one_takes_options_only(tasks: Arithmetic) -> None:
    copied = tasks.add.si(1, 2).clone((0,), {"z": 4}, countdown=5)

    assert (copied.args, copied.kwargs, copied.options) == ((1, 2), {}, {"countdown": 5})
    assert copied.immutable


def test_links_of_a_copy_do_not_reach_the_original(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1).set(link=[tasks.double.s()])
    sig.clone().link(tasks.same.s())

    assert sig.options["link"] == [tasks.double.s()]


def test_replace_puts_other_arguments_in_the_place_of_the_old(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1, y=2)

    assert sig.replace(args=(5,)) == tasks.add.s(5, y=2)
    assert sig.replace(kwargs={}, options={"queue": "slow"}) == tasks.add.s(1).set(queue="slow")


def test_called_it_calls_the_function_here_and_now(tasks: Arithmetic) -> None:
    assert tasks.add.s(2)(1) == 3
    assert tasks.add.s(y=2)(x=1) == 3


def test_applied_it_runs_here_with_the_arguments_given_first(tasks: Arithmetic) -> None:
    assert tasks.tell.s("own").apply(("given",)).get() == ["given", "own"]


def test_what_is_sent_is_what_is_there_and_what_is_given(tasks: Arithmetic, mocker: MockerFixture) -> None:
    send = mocker.patch.object(type(tasks.hear._get_current_object()), "apply_async")

    tasks.hear.s(1).set(queue="slow", priority=1).apply_async((0,), {"z": 2}, priority=9, countdown=None)

    send.assert_called_once_with((0, 1), {"z": 2}, queue="slow", priority=9)


def test_freezing_settles_the_id_once(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1, 2)
    result = sig.freeze()

    assert sig.id == result.id
    assert sig.freeze().id == result.id
    assert sig.freeze("another").id == result.id
    assert tasks.add.s().freeze("mine").id == "mine"


def test_freezing_notes_where_the_task_belongs(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1, 2)
    sig.freeze(group_id="group", chord={"body": 1}, root_id="root", parent_id="parent", group_index=3)

    assert {key: sig.options[key] for key in ("group_id", "chord", "root_id", "parent_id", "group_index")} == {
        "group_id": "group",
        "chord": {"body": 1},
        "root_id": "root",
        "parent_id": "parent",
        "group_index": 3,
    }


def test_the_group_that_a_signature_was_put_in_is_not_overridden(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1).set(group_id="first")

    assert sig.clone(group_id="second").options["group_id"] == "first"


def test_a_link_is_put_on_once(tasks: Arithmetic) -> None:
    sig, callback = tasks.add.s(1, 2), tasks.double.s()

    assert sig.link(callback) is callback
    sig.link(tasks.double.s())

    assert sig.options["link"] == [callback]


def test_on_error_returns_the_signature_and_link_error_the_errback(tasks: Arithmetic) -> None:
    sig, errback = tasks.add.s(1, 2), tasks.hear.s()

    assert sig.on_error(errback) is sig
    assert sig.link_error(errback) is errback
    assert sig.options["link_error"] == [errback]


def test_flatten_links_lists_the_callbacks_and_theirs(tasks: Arithmetic) -> None:
    inner, outer, sig = tasks.same.s(), tasks.double.s(), tasks.add.s(1, 2)
    outer.link(inner)
    sig.link(outer)

    assert sig.flatten_links() == [sig, outer, inner]


def test_it_reads_like_a_call(tasks: Arithmetic) -> None:
    assert repr(tasks.add.s(1, y=2)) == "add(1, y=2)"
    assert tasks.add.s(1).reprcall(0) == "add(0, 1)"


def test_a_task_of_another_code_base_is_known_by_its_name(tasks: Arithmetic) -> None:
    sig = signature("elsewhere", args=(1,), app=tasks.app)

    assert sig.freeze("one").id == "one"
    assert sig.apply_async().id == "one"
    with pytest.raises(NotRegistered):
        sig.type  # noqa: B018


@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, lambda sig: pickle.loads(pickle.dumps(sig))], ids=str)
def test_it_comes_back_equal_from_a_copy_and_a_pickle(tasks: Arithmetic, travel: Any) -> None:
    sig = tasks.add.s(1, y=2).set(queue="slow", link=[tasks.double.s()])

    assert travel(sig) == sig


def test_a_dict_becomes_the_kind_of_signature_it_was(tasks: Arithmetic) -> None:
    add = tasks.add
    for sig in [
        add.s(1, 2),
        chain(add.s(1, 2), add.s(3)),
        group(add.s(1, 2), add.s(3, 4)),
        chord([add.s(1, 2)], tasks.total.s()),
        add.map([1, 2]),
        add.starmap([(1, 2)]),
        add.chunks([(1, 2)], 1),
    ]:
        travelled = json.loads(json.dumps(sig))
        again = signature(json.loads(json.dumps(sig)), app=tasks.app)
        assert type(again) is Signature.TYPES.get(sig.subtask_type, Signature)
        assert json.loads(json.dumps(again)) == travelled


def test_signature_of_a_signature_is_a_copy(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1)

    assert signature(sig) == sig
    assert signature(sig) is not sig


def test_maybe_signature_leaves_signatures_and_makes_them_of_dicts(tasks: Arithmetic) -> None:
    sig = tasks.add.s(1)

    assert maybe_signature(None) is None
    assert maybe_signature(sig, app=tasks.app) is sig
    assert maybe_signature(sig, app=tasks.app, clone=True) is not sig
    assert maybe_signature(dict(sig), app=tasks.app).type.name == "add"


def test_only_signatures_can_be_composed(tasks: Arithmetic) -> None:
    for sig in (tasks.add.s(1), chain(tasks.add.s(1), tasks.add.s(2)), chord([], tasks.add.s())):
        with pytest.raises(TypeError):
            sig | 5


@pytest.mark.parametrize("frozen", [False, True])
def test_a_workflow_from_json_is_in_all_its_parts_of_the_app_it_is_read_for(
    tasks: Arithmetic, mocker: MockerFixture, frozen: bool
) -> None:
    add, app = tasks.add, tasks.app
    workflow = chord([add.si(0, 0), add.si(1, 1)], chain(group(add.si(i, j) for j in range(2)) for i in range(3)))
    if frozen:
        workflow.freeze()
    read = signature(json.loads(json.dumps(workflow)), app=app)
    send = mocker.patch.object(app.amqp, "send_task_message")

    with set_trap(app):  # the app of this thread is another, and an error to use
        read.apply_async()

    assert [call.args[1] for call in send.call_args_list] == ["add", "add"]
