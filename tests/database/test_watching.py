"""Waiting for others to change the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyramid_scheduler.core.errors import LedgerUnavailable
from pyramid_scheduler.database import Database, watch
from tests import servers


def test_who_could_not_listen_says_so_each_time_and_does_not_wait_in_vain(tmp_path: Path) -> None:
    with servers.fresh_database("postgresql", tmp_path) as url:
        database = Database(url, LedgerUnavailable)
        watcher = watch(database, "no channel")
        for _ in range(2):
            with pytest.raises(LedgerUnavailable, match="syntax error"):
                watcher.wait(5.0, None)
        watcher.close()
        database.close()
