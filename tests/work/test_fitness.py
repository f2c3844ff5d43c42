"""What a process finds wrong with itself."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler.work.fitness import FAILURES_IN_WANT, Fitness
from pyramid_scheduler.work.journal import MAPPED_BYTES, Journal
from pyramid_scheduler.work.sheet import ROOM_BYTES
from tests.work.fakes import begin, delivery


def test_a_sound_process_blames_others_however_often_they_fail() -> None:
    with Journal() as journal:
        assert Fitness(journal).damage(1000) == ""


@pytest.mark.parametrize("then", ["nothing", "another file"])
def test_closed_descriptors_are_noticed_also_where_others_have_their_numbers_now(then: str) -> None:
    with Journal() as journal:
        kept = os.dup(journal._fd)
        os.close(journal._fd)
        if then == "another file":
            other = os.open(os.devnull, os.O_RDONLY)
            os.dup2(other, journal._fd)
            os.close(other) if other != journal._fd else None
        try:
            assert "closed descriptors" in Fitness(journal).damage(1)
        finally:
            os.dup2(kept, journal._fd)
            os.close(kept)


def test_a_file_that_has_the_number_of_a_closed_journal_is_neither_written_to_nor_cut_off(tmp_path: Path) -> None:
    large, other = delivery("large"), delivery("other")
    large.body = other.body = b"x" * 2 * ROOM_BYTES
    with Journal() as journal:
        begin(journal, large)
        kept = os.dup(journal._fd)
        with (tmp_path / "theirs").open("wb+") as theirs:
            theirs.truncate(2 * MAPPED_BYTES)
            os.dup2(theirs.fileno(), journal._fd)
            try:
                with pytest.raises(OSError, match="closed descriptors"):
                    begin(journal, other)
                journal.end(large)
                assert os.fstat(theirs.fileno()).st_size == 2 * MAPPED_BYTES
            finally:
                os.dup2(kept, journal._fd)
                os.close(kept)


@pytest.mark.parametrize(
    ("error", "failures", "is_damaged"),
    [
        (errno.EMFILE, FAILURES_IN_WANT, True),
        (errno.EMFILE, FAILURES_IN_WANT - 1, False),  # for a moment, perhaps
        (errno.ENFILE, FAILURES_IN_WANT, False),  # the system's, which another process would not have either
    ],
    ids=["for good", "for a moment", "nowhere"],
)
def test_a_process_without_descriptors_is_of_no_use(
    mocker: MockerFixture, error: int, failures: int, is_damaged: bool
) -> None:
    with Journal() as journal:
        mocker.patch("os.open", side_effect=OSError(error, os.strerror(error)))
        assert ("no descriptor is left" in Fitness(journal).damage(failures)) is is_damaged
