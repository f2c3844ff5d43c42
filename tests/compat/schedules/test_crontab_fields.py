"""What may be written in a field of a crontab, and what a crontab looks like."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from compat.schedules import ParseException, crontab, crontab_parser


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("*", list(range(60))),
        ("*/15", [0, 15, 30, 45]),
        ("5", [5]),
        ("1,3,5-7", [1, 3, 5, 6, 7]),
        ("10-20/5", [10, 15, 20]),
        ("58-1", [0, 1, 58, 59]),
        ("57-3/2", [1, 3, 57, 59]),
        ("*/20,7", [0, 7, 20, 40]),
    ],
)
def test_a_minute_is_a_number_a_range_or_a_step_of_either(text: str, numbers: list[int]) -> None:
    assert sorted(crontab_parser(60).parse(text)) == numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("sun", [0]), ("Monday", [1]), ("mon-fri", [1, 2, 3, 4, 5]), ("fri-mon", [0, 1, 5, 6]), ("sat,sun", [0, 6])],
)
def test_days_of_the_week_have_names_and_sunday_is_zero(text: str, numbers: list[int]) -> None:
    assert sorted(crontab(day_of_week=text).day_of_week) == numbers


def test_months_have_names_and_begin_with_one(app: Any) -> None:
    assert crontab(month_of_year="jan,nov-dec").month_of_year == {1, 11, 12}
    assert crontab(month_of_year="*/3").month_of_year == {1, 4, 7, 10}


@pytest.mark.parametrize("text", ["", "1,", ",1", "*/", "-1", "*/-1", "1-10/-2"])
def test_a_malformed_field_is_a_parse_exception(text: str) -> None:
    with pytest.raises(ParseException):
        crontab(minute=text)


@pytest.mark.parametrize("text", ["60", "1-60", "x", "1/2", "*/x", "*/0", "1.5", "**"])
def test_a_number_or_name_out_of_place_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        crontab(minute=text)


@pytest.mark.parametrize(
    "field",
    [
        {"minute": 60},
        {"minute": {0, 60}},
        {"hour": 24},
        {"day_of_week": 7},
        {"day_of_month": 0},
        {"month_of_year": [13]},
        {"hour": -1},
    ],
)
def test_numbers_out_of_range_are_refused_however_they_are_given(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        crontab(**field)


@pytest.mark.parametrize("value", [1.5, None, object()])
def test_a_field_that_is_no_number_text_or_iterable_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        crontab(minute=value)


def test_numbers_lists_sets_and_generators_are_fields() -> None:
    assert crontab(minute=7).minute == {7}
    assert crontab(minute=[1, 2, 2]).minute == {1, 2}
    assert crontab(minute={3}, hour=range(0, 24, 6)).hour == {0, 6, 12, 18}
    assert crontab(minute=(n for n in (4, 5))).minute == {4, 5}


@pytest.mark.parametrize(("days", "months"), [("31", "2"), ("30", "feb"), ("31", "4,6,9,11"), ({30, 31}, {2})])
def test_a_day_that_none_of_its_months_has_is_refused(days: Any, months: Any) -> None:
    with pytest.raises(ValueError, match="day_of_month"):
        crontab(day_of_month=days, month_of_year=months)


def test_the_29th_of_february_is_a_day() -> None:
    assert crontab(day_of_month="29", month_of_year="2").day_of_month == {29}


def test_a_line_of_crontab_has_the_day_of_week_last() -> None:
    made = crontab.from_string("0 */2 1 jan sun")

    assert made == crontab(minute="0", hour="*/2", day_of_month="1", month_of_year="jan", day_of_week="sun")


@pytest.mark.parametrize("line", ["* * * *", "* * * * * *", ""])
def test_a_line_of_crontab_has_five_fields(line: str) -> None:
    with pytest.raises(ValueError):
        crontab.from_string(line)


def test_its_repr_is_the_line_of_crontab() -> None:
    made = crontab(minute="*/5", hour=3, day_of_week="mon", day_of_month="1-7", month_of_year="*")

    assert repr(made) == "<crontab: */5 3 1-7 * mon (m/h/dM/MY/d)>"


def test_two_are_equal_when_they_mean_the_same_times() -> None:
    assert crontab(minute="0,30", day_of_week="mon") == crontab(minute="*/30", day_of_week=1)
    assert crontab(minute="0,30") != crontab(minute="0,31")
    assert crontab(minute=0) != "0 * * * *"


def test_two_with_different_clocks_are_not_equal() -> None:
    assert crontab(nowfun=lambda: datetime(2026, 1, 1, tzinfo=UTC)) != crontab()


@pytest.mark.parametrize(
    "made",
    [
        crontab(),
        crontab(minute="*/7", hour={1, 2}),
        crontab(day_of_month="29", month_of_year="feb", day_of_week="sun-tue"),
    ],
)
def test_it_comes_back_from_a_pickle(made: crontab) -> None:
    again = pickle.loads(pickle.dumps(made))

    assert again == made
    assert repr(again) == repr(made)


def test_a_subclass_with_its_own_clock_comes_back_from_a_pickle() -> None:
    again = pickle.loads(pickle.dumps(crontab(minute=1, nowfun=some_moment)))

    assert again.nowfun is some_moment


def some_moment() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)
