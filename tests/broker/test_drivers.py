"""Drivers that are not installed."""

from __future__ import annotations

import sys

import pytest

from pyramid_scheduler.broker.broker import open_broker
from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.errors import BrokerUnavailable
from pyramid_scheduler.core.settings import parse_settings


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("postgresql://u:s3cret@h/db", "psycopg", "postgresql"),
        ("mysql://u:s3cret@h/db", "pymysql", "mysql"),
        ("redis://u:s3cret@h/0", "redis", "redis"),
        ("sentinel://u:s3cret@h/0", "redis", "redis"),
    ],
)
def test_a_driver_that_is_missing_is_named_with_the_extra_that_brings_it(
    url: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    for name in [name for name in sys.modules if name.startswith("pyramid_scheduler.broker.transports.redis")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(BrokerUnavailable, match=rf"{driver}.*; install pyramid-scheduler\[{extra}\]") as raised:
        open_broker(parse_settings({"scheduler.broker.url": url}), SystemClock()).check()
    assert "s3cret" not in str(raised.value)
