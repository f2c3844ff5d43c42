"""Errors that travel, and values in JSON's own types."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from compat.utils import serialization


class Demanding(Exception):
    """Cannot be made again from its ``args``."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a}/{b}")


class Wrapped(ValueError):
    """Its nearest class that can be made again is ValueError."""

    def __init__(self, *, text: str) -> None:
        super().__init__(text)


def test_an_error_that_can_be_pickled_travels_as_it_is() -> None:
    error = KeyError("k")

    assert serialization.get_pickleable_exception(error) is error


def test_an_error_that_cannot_travels_as_its_nearest_class() -> None:
    found = serialization.get_pickleable_exception(Wrapped(text="no"))

    assert (type(found), found.args) == (ValueError, ("no",))


def test_an_error_without_such_a_class_travels_wrapped_and_comes_back_by_name() -> None:
    found = serialization.get_pickleable_exception(Demanding(1, 2))
    again = serialization.get_pickled_exception(pickle.loads(pickle.dumps(found)))

    assert type(found) is serialization.UnpickleableExceptionWrapper
    assert str(found) == "Demanding('1/2')"
    assert (type(again).__name__, type(again).__module__, again.args) == ("Demanding", __name__, ("1/2",))


def test_what_an_encoder_refuses_is_shown_instead() -> None:
    assert serialization.ensure_serializable((1, "a", {1}), json.dumps) == (1, "a", "{1}")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (datetime(2026, 5, 1, 12, 0, 1, 123456, tzinfo=UTC), "2026-05-01T12:00:01.123Z"),
        (date(2026, 5, 1), "2026-05-01"),
        (time(1, 2, 3), "01:02:03"),
        (timedelta(hours=1), "1:00:00"),
        ((1, [2, None]), [1, [2, None]]),
        ({"a": (1,)}, {"a": [1]}),
    ],
)
def test_values_are_put_in_jsons_own_types(value: Any, plain: Any) -> None:
    assert serialization.jsonify(value) == plain


def test_what_has_no_such_form_is_refused_or_shown_as_asked() -> None:
    with pytest.raises(ValueError, match="no JSON form"):
        serialization.jsonify({"a": object})
    assert serialization.jsonify({"a": {1}}, unknown_type_filter=repr) == {"a": "{1}"}
    assert serialization.jsonify({"a": 1, "b": 2}, keyfilter=lambda key: key == "a") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "truth"), [("yes", True), ("ON", True), ("1", True), ("False", False), ("no", False), (None, None), (3, 3)]
)
def test_usual_words_are_truth_values(text: Any, truth: Any) -> None:
    assert serialization.strtobool(text) == truth


def test_other_words_are_not() -> None:
    with pytest.raises(TypeError, match="perhaps"):
        serialization.strtobool("perhaps")


def test_base64_goes_both_ways() -> None:
    assert serialization.b64decode(serialization.b64encode("x")) == b"x"


def test_an_error_is_raised_from_the_one_being_handled() -> None:
    def handle() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            serialization.raise_with_context(ValueError("second"))

    with pytest.raises(ValueError) as caught:
        handle()

    assert isinstance(caught.value.__cause__, KeyError)
