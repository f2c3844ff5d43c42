"""Mappings for settings, and buffers of messages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from compat.utils.collections import (
    AttributeDict,
    BufferMap,
    ChainMap,
    ConfigurationView,
    DictAttribute,
    Messagebuffer,
    force_mapping,
    lpmerge,
)
from compat.utils.functional import LRUCache


def test_keys_are_attributes() -> None:
    made = AttributeDict(a=1)
    made.b = 2

    assert (made.a, made["b"]) == (1, 2)
    with pytest.raises(AttributeError, match="no attribute 'c'"):
        made.c  # noqa: B018


def test_attributes_are_keys() -> None:
    made = DictAttribute(SimpleNamespace(a=1))
    made["b"] = 2
    made.c = 3

    assert (made["a"], made.obj.b, made["c"], made.get("d", 4), "a" in made, "d" in made) == (1, 2, 3, 4, True, False)
    assert made.setdefault("a", 9) == 1
    assert made.setdefault("e", 5) == made.obj.e == 5
    assert {"a", "b"} <= set(made.keys())
    with pytest.raises(KeyError):
        made["d"]


def test_a_mapping_stays_and_an_object_becomes_one() -> None:
    given = {"a": 1}

    assert force_mapping(given) is given
    assert force_mapping(SimpleNamespace(a=1))["a"] == 1


def test_merging_leaves_out_what_is_none() -> None:
    assert lpmerge({"a": 1, "b": 2}, {"a": None, "b": 3}) == {"a": 1, "b": 3}


def test_the_first_mapping_that_has_a_key_says_its_value() -> None:
    made = ChainMap({"a": 1}, {"a": 2, "b": 2}, {"c": 3})

    assert (made["a"], made["b"], made["c"], len(made), sorted(made)) == (1, 2, 3, 3, ["a", "b", "c"])
    assert dict(made.items()) == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(KeyError):
        made["d"]


def test_changes_go_into_the_first_mapping_only() -> None:
    changes, defaults = {"a": 1}, {"b": 2}
    made = ChainMap(changes, defaults)
    made["b"] = 3
    made.update(c=4)
    assert (changes, defaults) == ({"a": 1, "b": 3, "c": 4}, {"b": 2})
    assert made.pop("b") == 3
    assert made["b"] == 2
    with pytest.raises(KeyError):
        made.pop("b")
    with pytest.raises(KeyError):
        del made["b"]
    made.clear()

    assert "a" not in made


def test_whoever_is_bound_is_told_of_updates() -> None:
    told: list[Any] = []
    made = ChainMap({})
    made.bind_to(lambda *args, **kwargs: told.append((args, kwargs)))
    made.update({"a": 1}, b=2)

    assert told == [(({"a": 1},), {"b": 2})]


def test_a_copy_is_changed_alone() -> None:
    made = ChainMap({"a": 1}, {"b": 2})
    copied = made.copy()
    copied["a"] = 9

    assert (made["a"], copied["a"], copied["b"]) == (1, 9, 2)


def test_settings_are_found_under_converted_and_prefixed_names() -> None:
    view = ConfigurationView({"a": 1}, [{"new_name": 2, "SHOP_LIMIT": 3}], [{"OLD": "new_name"}.get], prefix="SHOP")

    assert (view["a"], view.OLD, view["limit"], "limit" in view) == (1, 2, 3, True)
    with pytest.raises(KeyError, match="with prefix: 'SHOP_NOPE'"):
        view["nope"]


def test_the_first_setting_that_is_not_none_counts() -> None:
    view = ConfigurationView({"a": None, "b": 0})

    assert view.first("a", "b") == 0
    assert view.first("a", "missing") is None


def test_a_view_becomes_another_for_whoever_holds_it() -> None:
    held = ConfigurationView({"a": 1})
    assert held.a == 1
    held.swap_with(ConfigurationView({"a": 2}, [{"b": 3}]))

    assert (held.a, held.b) == (2, 3)


def test_a_cache_forgets_what_was_not_used_for_longest() -> None:
    cache: Any = LRUCache(2)  # type: ignore[no-untyped-call]
    cache["a"], cache["b"] = 1, 2
    assert cache["a"] == 1
    cache["c"] = 3

    assert sorted(cache) == ["a", "c"]


def test_a_buffer_drops_its_oldest_messages() -> None:
    buffer = Messagebuffer(2)
    buffer.extend([1, 2])
    buffer.put(3)

    assert (len(buffer), 2 in buffer, buffer[0], list(reversed(buffer))) == (2, True, 2, [3, 2])
    assert (buffer.take(), buffer.take(), buffer.take(None)) == (2, 3, None)
    with pytest.raises(buffer.Empty):
        buffer.take()


def test_buffers_by_key_share_one_limit() -> None:
    buffers = BufferMap(3)
    for key, item in (("a", 1), ("a", 2), ("b", 3), ("c", 4)):
        buffers.put(key, item)

    assert (buffers.total, buffers.take("a"), buffers.take("c"), buffers.take("none", 0)) == (3, 2, 4, 0)
    with pytest.raises(buffers.Empty):
        buffers.take("none")


@pytest.mark.parametrize("mapping", [ChainMap({"a": 1}), DictAttribute(SimpleNamespace(a=1))])
def test_mappings_have_the_iterators_of_old_code(mapping: Any) -> None:
    assert "a" in list(mapping.iterkeys())
    assert ("a", 1) in list(mapping.iteritems())
    assert 1 in list(mapping.itervalues())
