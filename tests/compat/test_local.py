"""Proxies."""

from __future__ import annotations

import pickle
from datetime import date

from compat.local import PromiseProxy, Proxy, class_property, maybe_evaluate
from tests.fleet import at_once


def test_a_proxy_looks_its_object_up_at_each_use() -> None:
    things = [[1], [2]]
    proxy = Proxy(lambda: things[0])

    assert proxy == [1]
    things.pop(0)
    assert proxy == [2]
    assert isinstance(proxy, list)
    assert [*proxy, 3] == [2, 3]
    assert [0, *proxy] == [0, 2]


def test_a_promise_is_kept_and_tells_who_waited_for_it() -> None:
    made: list[int] = []

    def make() -> list[int]:
        made.append(1)
        return [7]

    promise = PromiseProxy(make)
    promise.__then__(made.append, 2)

    assert made == []
    assert promise[0] == 7
    assert promise[0] == 7
    assert made == [1, 2]
    assert maybe_evaluate(promise) == [7]
    assert maybe_evaluate("plain") == "plain"


def test_a_proxy_has_the_documentation_of_its_object() -> None:
    def documented() -> None:
        """Says something."""

    assert Proxy(lambda: documented).__doc__ == "Says something."
    assert isinstance(Proxy.__doc__, str)


def test_a_proxy_that_finds_nothing_is_false_and_has_a_repr() -> None:
    def nothing() -> None:
        raise RuntimeError("not yet")

    proxy = Proxy(nothing)

    assert not proxy
    assert repr(proxy) == "<Proxy unbound>"


def test_a_proxy_is_pickled_as_its_object() -> None:
    assert pickle.loads(pickle.dumps(Proxy(lambda: date(2026, 11, 24)))) == date(2026, 11, 24)


def test_a_class_property_is_read_through_class_and_instance() -> None:
    class Thing:
        kept = 1

        def _get(cls) -> int:
            return cls.kept

        def _set(cls, value: int) -> None:
            cls.kept = value

        prop = class_property(_get, _set)

    thing = Thing()
    thing.prop = 5

    assert (Thing.prop, thing.prop, Thing.kept) == (5, 5, 5)


def test_a_proxy_of_a_number_can_be_added_to_in_place() -> None:
    total: object = Proxy(lambda: 10)
    total += 1  # type: ignore[operator]

    assert total == 11


def test_a_proxy_may_be_given_a_name_and_a_docstring_of_its_own() -> None:
    proxy = Proxy(lambda: len, name="size", __doc__="How many.")

    assert (proxy.__name__, proxy.__doc__) == ("size", "How many.")
    assert Proxy(lambda: len).__name__ == "len"


def test_a_promise_may_be_kept_by_several_threads_at_once() -> None:
    for _ in range(30):
        told: list[int] = []
        promise = PromiseProxy(lambda: [7])
        promise.__then__(told.append, 1)
        assert at_once([lambda promise=promise: list(promise)] * 4) == [[7]] * 4
        assert told == [1]
