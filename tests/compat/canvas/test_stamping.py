"""Stamps: headers for every task of a canvas."""

from __future__ import annotations

from typing import Any

import pytest

from compat import chain, chord, group
from compat.canvas import StampingVisitor
from tests.compat.arithmetic import Arithmetic, value


class Numbered(StampingVisitor):
    """Stamps each signature with how many came before it; notes whom it met."""

    def __init__(self) -> None:
        self.met: list[str] = []

    def on_signature(self, sig: Any, **headers: Any) -> dict[str, Any]:
        self.met.append(sig.task)
        return {"number": len(self.met) - 1}


class Places(StampingVisitor):
    """Notes the order in which the parts of a canvas are met."""

    def __init__(self) -> None:
        self.met: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_") or name in ("on_signature", "on_chord_header_start", "on_chord_header_end"):
            return super().__getattribute__(name)

        def note(*args: Any, **headers: Any) -> dict[str, Any]:
            self.met.append(name[3:])
            return {}

        return note

    def on_signature(self, sig: Any, **headers: Any) -> dict[str, Any]:
        self.met.append(str(sig.args[0]))
        return {}


def stamps(sig: Any) -> dict[str, Any]:
    """Which ones it carries."""
    return {name: sig.options[name] for name in sorted(sig.options["stamped_headers"])}


def test_a_stamp_is_an_option_whose_name_is_listed(tasks: Arithmetic) -> None:
    sig = tasks.same.s(1)
    sig.stamp(tenant="a", shard=3)

    assert stamps(sig) == {"tenant": "a", "shard": 3}


def test_the_run_knows_its_stamps(working: Arithmetic) -> None:
    sig = working.stamps.s()
    sig.stamp(tenant="a")

    assert value(sig.delay()) == {"stamps": {"tenant": "a"}, "stamped_headers": ["tenant"]}


@pytest.mark.parametrize(
    "make",
    [
        lambda sig: chain(sig.clone(), sig.clone()),
        lambda sig: group(sig.clone(), sig.clone()),
        lambda sig: chain(sig.clone(), group(sig.clone(), sig.clone())),
    ],
    ids=["chain", "group", "both"],
)
def test_all_tasks_of_a_canvas_are_stamped(tasks: Arithmetic, make: Any) -> None:
    made = make(tasks.same.s(1))
    made.stamp(tenant="a")

    def leaves(sig: Any) -> list[Any]:
        return [leaf for task in sig.tasks for leaf in leaves(task)] if hasattr(sig, "tasks") else [sig]

    assert [stamps(leaf) for leaf in leaves(made)] == [{"tenant": "a"}] * len(leaves(made))


def test_a_visitor_stamps_each_signature_as_it_likes(tasks: Arithmetic) -> None:
    made = chain(tasks.same.s(1), tasks.same.s(2), tasks.double.s())
    visitor = Numbered()
    made.stamp(visitor)

    assert visitor.met == ["same", "same", "double"]
    assert [stamps(task) for task in made.tasks] == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_a_chord_s_header_and_body_are_both_stamped_by_a_visitor(tasks: Arithmetic) -> None:
    made = chord([tasks.same.s(1), tasks.same.s(2)], tasks.total.s())
    made.stamp(Numbered())

    header = made.tasks.tasks
    assert [stamps(sig)["number"] for sig in (*header, made.body)] == [0, 1, 2]


def test_callbacks_and_errbacks_are_stamped_too(tasks: Arithmetic) -> None:
    sig = tasks.same.s(1)
    sig.link(tasks.double.s())
    sig.link_error(tasks.hear.s())
    sig.stamp(tenant="a")

    assert [stamps(sig.options[links][0]) for links in ("link", "link_error")] == [{"tenant": "a"}] * 2


def test_stamps_may_be_put_on_one_after_the_other(tasks: Arithmetic) -> None:
    sig = tasks.same.s(1)
    sig.stamp(tenant="a")
    sig.stamp(shard=3)

    assert stamps(sig) == {"tenant": "a", "shard": 3}


def test_appended_stamps_are_all_kept(tasks: Arithmetic) -> None:
    sig = tasks.same.s(1)
    sig.stamp(tenant=["first"])
    sig.stamp(append_stamps=True, tenant=["second"])

    assert sorted(stamps(sig)["tenant"]) == ["first", "second"]


def test_only_what_the_visitor_lists_is_a_stamp(tasks: Arithmetic) -> None:
    class Listing(StampingVisitor):
        def on_signature(self, sig: Any, **headers: Any) -> dict[str, Any]:
            return {"tenant": "a", "priority": 3, "stamped_headers": ["tenant"]}

    sig = tasks.same.s(1)
    sig.stamp(Listing())

    assert (stamps(sig), sig.options["priority"]) == ({"tenant": "a"}, 3)


def test_a_visitor_is_led_through_the_canvas_in_order(tasks: Arithmetic) -> None:
    same = tasks.same
    made = chain(same.s("a"), group(same.s("b"), same.s("c")))
    made.tasks[0].link(same.s("l"))
    made.tasks[0].link_error(same.s("e"))
    visitor = Places()
    made.stamp(visitor)

    assert visitor.met == [
        *("chain_start", "callback", "l", "errback", "e", "a"),
        *("group_start", "b", "c", "group_end", "chain_end"),
    ]


def test_stamps_travel_with_a_retry(working: Arithmetic) -> None:
    sig = working.retried_stamps.s()
    sig.stamp(tenant="a")

    assert value(sig.delay()) == [1, {"tenant": "a"}]


def test_stamps_of_a_copy_stay(tasks: Arithmetic) -> None:
    sig = tasks.same.s(1)
    sig.stamp(tenant="a")

    assert stamps(sig.clone(tenant="b")) == {"tenant": "a"}


@pytest.mark.parametrize(
    "make",
    [
        lambda tasks: group(tasks.add.s(n, 0) for n in range(4)),
        lambda tasks: chain(tasks.total.si([0]), group(tasks.add.s(n) for n in range(4))),
        lambda tasks: chain(tasks.total.si([0]), chord(group(tasks.add.s(n) for n in range(4)), tasks.same.s())),
    ],
    ids=["group", "group in a chain", "chord in a chain"],
)
@pytest.mark.parametrize("visitor", [Numbered, lambda: None], ids=["by a visitor", "by name"])
def test_tasks_that_come_of_a_generator_keep_their_number_and_order(
    working: Arithmetic, make: Any, visitor: Any
) -> None:
    canvas = make(working)
    canvas.stamp(visitor(), said="so")
    assert value(canvas.delay()) == [0, 1, 2, 3]
