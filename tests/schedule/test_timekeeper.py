"""A timekeeper that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pyramid_scheduler import Scheduler, Settings
from pyramid_scheduler.core.run import LiveWorker
from tests.fleet import wait_for
from tests.shop import jobs


def test_an_error_that_nobody_foresaw_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = Scheduler(Settings(broker_url=f"sqlite:///{tmp_path}/jobs.sqlite"))
    beat = scheduler.ledger.presence.beat

    def stumble(workers: Sequence[LiveWorker]) -> None:
        if workers[0].role == "timekeeper":
            raise ValueError("not a word of ours")
        beat(workers)

    monkeypatch.setattr(scheduler.ledger.presence, "beat", stumble)
    monkeypatch.setenv("SHOP_DIRECTORY", str(tmp_path))
    scheduler.start_consumer()
    wait_for(lambda: "not a word of ours" in caplog.text)
    scheduler.add_interval_job(jobs.mark, id="sweep", seconds=1, args=("swept",))
    wait_for(lambda: (tmp_path / "effects").exists())
    scheduler.shutdown(1)
