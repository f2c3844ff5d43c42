"""What a child writes down of its runs, and what its parent reads of it."""

from __future__ import annotations

import mmap
import os
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pyramid_scheduler.broker.payload import dump, load
from pyramid_scheduler.core.ending import Begun
from pyramid_scheduler.core.message import Delivery, Message
from pyramid_scheduler.work.journal import BLOCK_BYTES, MAPPED_BYTES, SLOT, Journal
from pyramid_scheduler.work.sheet import ROOM_BYTES, ROOMS
from tests.work.fakes import begin, delivery

SEVERAL = 3 * mmap.PAGESIZE


@pytest.fixture
def journal() -> Iterator[Journal]:
    with Journal() as journal:
        yield journal


def reopen(raw: bytes, queue: str, tag: Any) -> Delivery:
    return load(raw, queue, tag, False)


def left(journal: Journal) -> list[Begun]:
    return journal.left(reopen)


def in_parts(run_id: str, body: bytes = b"[[], {}, {}]", **headers: Any) -> Delivery:
    """As a broker's library has taken it to pieces."""
    return replace(came(run_id, body, **headers), raw=b"")


def came(run_id: str, body: bytes = b"[[], {}, {}]", **headers: Any) -> Delivery:
    """As a broker hands it over: in one piece."""
    return load(dump(Message("q", {"id": run_id, "task": "a.b", **headers}, body)), "q", run_id, False)


def taken_bytes(journal: Journal) -> int:
    return os.fstat(journal._fd).st_blocks * 512


def test_an_entry_that_cannot_be_read_hides_no_other(journal: Journal) -> None:
    kept, broken = delivery("kept"), delivery("broken")
    begin(journal, broken)
    begin(journal, kept)
    os.pwrite(journal._fd, b"\0" * 16, broken.place[0].at)
    assert [one.run_id for one in left(journal)] == ["kept"]


@pytest.mark.parametrize("body", [b'[[1], {"a": "\xc3\xa9"}, {}]', b"\x80\xff" * 2000])
def test_a_message_that_came_in_one_piece_is_kept_so(journal: Journal, body: bytes) -> None:
    sent = Message("q", {"id": "one", "at": datetime(2026, 11, 26, tzinfo=UTC)}, body, "application/x", priority=3)
    came = load(dump(sent), "q", "tag7", False)
    begin(journal, came)
    came.headers = {}  # it is not made of these again
    (found,) = left(journal)
    assert (replace(found.message, properties={}), found.tag) == (sent, "tag7")


def test_a_worker_that_holds_many_large_messages_has_none_of_them_twice(journal: Journal) -> None:
    body, many = b"x" * 50_000, 200
    tracemalloc.start()
    try:
        held = [came(str(number), body) for number in range(many)]
        assert tracemalloc.get_traced_memory()[0] < 1.5 * many * len(body)
    finally:
        tracemalloc.stop()
    begin(journal, held[7])
    assert [one.message for one in left(journal)] == [held[7].message()]


def test_headers_that_json_does_not_have_are_kept_as_they_were(journal: Journal) -> None:
    dated = delivery("dated")
    dated.headers = {**dated.headers, "at": datetime(2026, 11, 26, tzinfo=UTC), "of": uuid.UUID(int=5)}
    begin(journal, dated)
    assert [one.message for one in left(journal)] == [dated.message()]


def test_what_is_crossed_out_does_not_keep_its_memory(journal: Journal) -> None:
    large = delivery("large")
    large.body = b"x" * 2 * ROOM_BYTES
    begin(journal, large)
    assert [one.message.body for one in left(journal)] == [large.body]
    journal.end(large)
    assert os.fstat(journal._fd).st_size == MAPPED_BYTES
    begin(journal, delivery("again"))
    assert [one.run_id for one in left(journal)] == ["again"]


def test_large_messages_that_come_one_upon_the_other_take_the_memory_of_two(journal: Journal) -> None:
    size, before = 4 * ROOM_BYTES, delivery("before")
    for number in range(50):
        one = delivery(str(number))
        before.body = one.body = b"x" * size
        begin(journal, one)
        journal.end(before)
        before = one
    assert taken_bytes(journal) <= 2 * size + SEVERAL


def test_one_run_after_the_other_takes_the_memory_of_one(journal: Journal) -> None:
    for _ in range(100):
        one = delivery("one")
        begin(journal, one)
        journal.end(one)
    assert taken_bytes(journal) <= 2 * mmap.PAGESIZE


def test_of_more_runs_than_there_are_rooms_all_are_found_but_those_that_are_crossed_out(journal: Journal) -> None:
    runs = [delivery(str(number)) for number in range(ROOMS + 10)]
    for one in runs:
        begin(journal, one)
    over = runs[0], runs[ROOMS], runs[-1]
    for one in over:
        journal.end(one)
    expected = {one.tag for one in runs} - {one.tag for one in over}
    assert {one.tag for one in left(journal)} == expected
    begin(journal, delivery("new"))
    assert {one.tag for one in left(journal)} == expected | {"new"}


# What is foreseen


@pytest.mark.parametrize("make", [came, in_parts])
@pytest.mark.parametrize("header", ["", "x" * 5000], ids=["small headers", "large headers"])
def test_what_was_foreseen_is_found_as_it_came_once_it_has_begun(
    journal: Journal, make: Callable[..., Delivery], header: str
) -> None:
    many = [make(str(number), b"x" * number * 10, retries=number % 3, header=header) for number in range(300)]
    journal.foresee(many)
    assert left(journal) == []
    begun = many[7:200:5]
    assert all(one.place is not None for one in many)
    assert len({one.place[0].number for one in many}) < 100
    for one in begun:
        assert begin(journal, one)
    found = left(journal)
    assert {one.run_id: (one.message, one.retries, one.tag) for one in found} == {
        one.tag: (one.message(), one.headers["retries"], one.tag) for one in begun
    }
    assert {(one.task, one.wants_word, one.has_ended, one.is_acking, one.is_acked) for one in found} == {
        ("a.b", True, False, False, False)
    }


@pytest.mark.parametrize("make", [came, in_parts])
def test_a_message_that_is_too_long_for_a_room_takes_none_from_those_that_came_with_it(
    journal: Journal, make: Callable[..., Delivery]
) -> None:
    many = [make(str(number), b"x" * (2 * ROOM_BYTES if number == 200 else 10)) for number in range(2 * ROOMS)]
    journal.foresee(many)
    assert [one.tag for one in many if one.place is None] == ["200"]
    assert len({one.place[0].number for one in many if one.place is not None}) < ROOMS // 8
    begin(journal, many[200])
    begin(journal, many[201])
    assert [one.message for one in left(journal)] == [many[200].message(), many[201].message()]


def test_each_run_of_a_sheet_has_states_and_an_end_of_its_own(journal: Journal) -> None:
    ended, acking, acked, settled = many = [came(name) for name in ("ended", "acking", "acked", "settled")]
    journal.foresee(many)
    for one in many:
        begin(journal, one)
    journal.note_end(ended)
    journal.note_acking([acking, acked])
    journal.note_acks([acked])
    journal.end(settled)
    assert {(one.run_id, one.has_ended, one.is_acking, one.is_acked) for one in left(journal)} == {
        ("ended", True, False, False),
        ("acking", False, True, False),
        ("acked", False, True, True),
    }


def test_what_a_run_before_it_was_does_not_cling_to_the_next(journal: Journal) -> None:
    first, second = came("first"), came("second")
    journal.foresee([first, second])
    begin(journal, first)
    journal.note_end(first)
    journal.note_acking([first])
    journal.note_acks([first])
    journal.end(first)
    begin(journal, second)
    assert [(one.run_id, one.has_ended, one.is_acking, one.is_acked) for one in left(journal)] == [
        ("second", False, False, False)
    ]


def test_a_room_is_free_again_when_its_messages_are_gone(journal: Journal) -> None:
    for number in range(2 * ROOMS):
        few = [came(f"{number}-{place}") for place in range(3)]
        journal.foresee(few)
        assert few[0].place is not None
        begin(journal, few[1])
        journal.end(few[1])
    assert taken_bytes(journal) <= SEVERAL


def test_where_rooms_are_too_few_what_is_foreseen_is_written_down_when_it_begins(journal: Journal) -> None:
    many = [came(str(number), b"x" * (ROOM_BYTES // 5)) for number in range(5 * ROOMS)]
    journal.foresee(many)
    foreseen = [one for one in many if one.place is not None]
    others = [one for one in many if one.place is None]
    for one in (foreseen[0], others[0]):
        begin(journal, one)
    assert [one.message for one in left(journal)] == [foreseen[0].message(), others[0].message()]


def test_a_message_that_says_in_its_body_which_run_it_is_is_not_foreseen(journal: Journal) -> None:
    of_protocol_1 = load(dump(Message("q", {}, b'{"id": "run", "task": "a.b"}')), "q", "run", False)
    journal.foresee([of_protocol_1])
    assert of_protocol_1.place is None
    begin(journal, of_protocol_1)
    assert [(one.run_id, one.task) for one in left(journal)] == [("run", "a.b")]


def test_what_marshal_has_no_word_for_is_written_down_when_it_begins(journal: Journal) -> None:
    dated, tagged, plain = in_parts("dated"), in_parts("tagged"), in_parts("plain")
    dated.headers = {**dated.headers, "at": datetime(2026, 11, 26, tzinfo=UTC)}
    tagged.tag = 1, uuid.UUID(int=5)
    for one in (dated, tagged):
        journal.foresee([one, plain])
    for one in (dated, tagged, plain):
        begin(journal, one)
    assert {one.tag: one.message for one in left(journal)} == {one.tag: one.message() for one in (dated, tagged, plain)}


@pytest.mark.parametrize("foresees", [False, True])
def test_a_run_whose_message_was_dropped_unsettled_is_found_all_the_same(journal: Journal, foresees: bool) -> None:
    for number in range(3):
        dropped = came(str(number))
        if foresees:
            journal.foresee([dropped])
        begin(journal, dropped)
        del dropped
    assert {one.run_id for one in left(journal)} == {"0", "1", "2"}


def test_of_more_unsettled_runs_than_a_block_has_slots_each_finds_a_place(journal: Journal) -> None:
    size = BLOCK_BYTES // SLOT.size + 2
    many = [came(str(number)) for number in range(size)]
    journal.foresee(many)
    assert all(begin(journal, one) for one in many)
    journal.note_acks(many[-1:])
    journal.end(*many[:-2])
    assert [(one.run_id, one.is_acked) for one in left(journal)] == [(str(size - 2), False), (str(size - 1), True)]


def test_a_run_that_finds_no_place_in_the_journal_has_not_begun(journal: Journal) -> None:
    journal._unused = iter(())
    assert not begin(journal, delivery("one too many"))
    assert left(journal) == []
