"""Generators of tasks, which groups and chords take from as they go."""

from __future__ import annotations

from collections.abc import Iterator

from compat.utils.functional import regen, uniq


def counted(made: list[int]) -> Iterator[int]:
    for n in range(5):
        made.append(n)
        yield n


def test_a_generator_is_taken_from_as_it_is_walked_and_no_sooner() -> None:
    made: list[int] = []
    walk = iter(regen(counted(made)))

    assert [(next(walk), len(made)) for _ in range(3)] == [(0, 1), (1, 2), (2, 3)]


def test_who_asks_whether_there_is_anything_has_the_first_one_made_only() -> None:
    made: list[int] = []
    items = regen(counted(made))

    assert items
    assert items[0] == 0
    assert made == [0]


def test_it_can_be_walked_again_when_it_is_used_up() -> None:
    items = regen(counted([]))

    assert list(items) == list(items) == [0, 1, 2, 3, 4]
    assert len(items) == 5


def test_of_what_comes_once_only_no_more_is_taken_than_is_wanted() -> None:
    made: list[int] = []
    once = uniq(n // 2 for n in counted(made))

    assert [next(once), next(once)] == [0, 1]
    assert made == [0, 1, 2]
