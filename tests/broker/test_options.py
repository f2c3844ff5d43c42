"""Transport options as they come from ini files."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from pyramid_scheduler.broker.amqp_broker import AmqpBroker
from pyramid_scheduler.broker.amqp_connecting import tls
from pyramid_scheduler.broker.amqp_declaring import AmqpDeclarer
from pyramid_scheduler.broker.options import is_true, table
from pyramid_scheduler.broker.transports.redis_connecting import connect
from pyramid_scheduler.core.errors import InvalidSetting
from pyramid_scheduler.database import Database
from tests import servers


@pytest.mark.parametrize(
    ("given", "on"), [("true", True), ("Yes", True), ("1", True), (True, True), ("false", False), (None, False)]
)
def test_an_option_is_on_if_it_says_so(given: Any, on: bool) -> None:
    assert is_true(given) is on


@pytest.mark.parametrize("given", [{"x-max-priority": 9}, '{"x-max-priority": 9}'])
def test_a_table_may_be_written_in_json(given: Any) -> None:
    assert table({"queue_arguments": given}, "queue_arguments") == {"x-max-priority": 9}


@pytest.mark.parametrize("given", ["x-max-priority=9", "[9]", 9])
def test_what_is_no_table_is_told(given: Any) -> None:
    with pytest.raises(InvalidSetting, match=r"scheduler\.broker\.queue_arguments is a table, written in JSON"):
        AmqpDeclarer({"queue_arguments": given})


TABLE = '{"ca_certs": "/ca.pem", "server_hostname": "rabbit"}'


@pytest.mark.parametrize(
    ("scheme", "given", "meant"),
    [
        ("amqp", None, False),
        ("amqp", "off", False),
        ("amqp", "true", True),
        ("amqp", True, True),
        ("amqp", TABLE, json.loads(TABLE)),
        ("amqp", json.loads(TABLE), json.loads(TABLE)),
        ("amqps", None, True),
        ("amqps", TABLE, json.loads(TABLE)),
        ("amqps", "{}", True),
    ],
)
def test_tls_to_rabbitmq_is_a_flag_or_a_table(scheme: str, given: Any, meant: Any) -> None:
    assert tls(f"{scheme}://rabbit//", {"ssl": given}) == meant


@pytest.mark.parametrize("given", ["/ca.pem", '["/ca.pem"]', '{"ca_certs": "/ca.pem"'])
def test_what_says_nothing_about_tls_is_told_before_anybody_connects(given: str) -> None:
    with pytest.raises(InvalidSetting, match=r"scheduler\.broker\.ssl is a table, written in JSON"):
        AmqpBroker("amqps://rabbit//", {"ssl": given})


def test_certificates_for_a_redis_without_tls_are_told_before_anybody_connects() -> None:
    with pytest.raises(InvalidSetting, match=r"ssl_ca_certs is for rediss://"):
        connect("redis://127.0.0.1", {"ssl_ca_certs": "/ca.pem"})


def test_what_the_url_says_to_postgresql_reaches_connections_that_need_no_durability(tmp_path: Any) -> None:
    with servers.fresh_database("postgresql", tmp_path) as url:
        said = sa.make_url(url).update_query_dict({"options": "-csearch_path=shop"})
        database = Database(said.render_as_string(hide_password=False), _unavailable, durable=False)
        try:
            found = database.read(lambda c: [c.exec_driver_sql(f"SHOW {name}").scalar() for name in _SHOWN])
        finally:
            database.close()
    assert found == ["shop", "off"]


_SHOWN = ("search_path", "synchronous_commit")


def _unavailable(reason: str) -> Any:
    return InvalidSetting(reason)
