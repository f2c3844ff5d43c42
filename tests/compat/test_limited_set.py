"""A set that forgets."""

from __future__ import annotations

import pickle
import time

import pytest

from compat.utils.collections import LimitedSet


def test_beyond_its_length_the_oldest_are_forgotten() -> None:
    made = LimitedSet(maxlen=2)
    for item in "abc":
        made.add(item)

    assert list(made) == ["b", "c"]


def test_an_item_that_is_added_again_is_young_again() -> None:
    made = LimitedSet(maxlen=2)
    for item in "abac":
        made.add(item)

    assert list(made) == ["a", "c"]


def test_items_expire_but_for_the_youngest() -> None:
    made = LimitedSet(maxlen=10, expires=60, minlen=1)
    for moment, item in enumerate("abc"):
        made.add(item, now=1000.0 + moment)
    made.purge(now=1061.0)
    assert list(made) == ["c"]
    made.purge(now=9999.0)

    assert list(made) == ["c"]


def test_the_time_may_be_a_clock() -> None:
    made = LimitedSet(expires=5)
    made.add("a", now=1.0)
    made.purge(now=lambda: 100.0)

    assert not made


def test_items_are_kept_in_the_order_of_their_times() -> None:
    made = LimitedSet()
    made.add("late", now=9.0)
    made.add("early", now=1.0)

    assert [made.pop(), made.pop(), made.pop("none")] == ["early", "late", "none"]


def test_sets_dicts_and_iterables_are_merged() -> None:
    made, other = LimitedSet(maxlen=3), LimitedSet()
    other.add("b")
    made.update(other)
    made.update({"a": 1.0})
    assert list(made) == ["a", "b"]
    made.update(["c", "d"])

    assert list(made) == ["b", "c", "d"]


def test_what_another_set_brings_along_may_have_expired() -> None:
    made, other = LimitedSet(expires=60), LimitedSet()
    other.add("old", now=time.monotonic() - 61)
    other.add("young", now=time.monotonic() - 59)
    made.update(other)

    assert list(made) == ["young"]


def test_a_dict_of_other_than_times_is_refused() -> None:
    with pytest.raises(ValueError, match="float timestamp"):
        LimitedSet().update({"a": "yesterday"})


def test_items_may_be_discarded_and_all_be_cleared() -> None:
    made = LimitedSet(data=["a", "b"])
    made.discard("a")
    made.discard("unknown")
    assert ("a" in made, "b" in made, len(made)) == (False, True, 1)
    made.clear()

    assert not made


@pytest.mark.parametrize("limits", [{"maxlen": 1, "minlen": 2}, {"minlen": -1}, {"expires": -1}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        LimitedSet(**limits)


def test_it_comes_back_from_a_pickle_equal() -> None:
    made = LimitedSet(maxlen=5, expires=60, data={"a": 1.0}, minlen=1)
    again = pickle.loads(pickle.dumps(made))

    assert again == made
    assert repr(again) == "<LimitedSet(1): maxlen=5, expires=60, minlen=1>"
