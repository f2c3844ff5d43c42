"""Ids are what ``uuid.uuid4`` makes."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from pyramid_scheduler.core.id import new_id


def test_ids_are_random_uuids_and_no_two_are_the_same() -> None:
    ids = {new_id() for _ in range(2000)}
    assert len(ids) == 2000
    for text in ids:
        parsed = UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, RFC_4122)
