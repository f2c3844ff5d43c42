"""A retry that is caught while the run is terminated."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat.contrib.testing.worker import start_worker
from compat.exceptions import Retry
from pyramid_scheduler.api import BrokerUnavailable, JobTerminated
from tests.fleet import wait_for


@pytest.mark.parametrize("early", [True, False])
def test_a_run_that_is_terminated_after_it_asked_for_a_retry_is_terminated_though_no_broker_answers(
    app: Any, early: bool, mocker: MockerFixture
) -> None:
    @app.task(bind=True, acks_late=not early, lazy=False)
    def cut_short(self: Any) -> None:
        try:
            self.retry(countdown=0)
        except Retry:
            raise JobTerminated(15) from None

    result = cut_short.delay()
    publisher = app.pipeline.scheduler.publisher
    publish = publisher.publish
    refused: list[str] = []

    def away_once(messages: Any, *args: Any, **options: Any) -> None:
        if not refused and any(message.headers.get("retries") for message in messages):
            refused.append(messages[0].id)
            raise BrokerUnavailable("away")
        publish(messages, *args, **options)

    mocker.patch.object(type(publisher), "publish", side_effect=away_once)
    with start_worker(app, perform_ping_check=False):
        wait_for(lambda: app.pipeline.scheduler.ledger.history.outcome(result.id), what="its end")
    assert app.pipeline.scheduler.ledger.history.outcome(result.id).state == "canceled"
