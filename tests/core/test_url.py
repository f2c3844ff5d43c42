"""URLs as people may see them."""

from __future__ import annotations

import pytest

from pyramid_scheduler.core.errors import LedgerUnavailable
from pyramid_scheduler.core.url import display
from pyramid_scheduler.database import Database


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("redis://user:s3cret@h:1/0", "redis://user:**@h:1/0"),
        ("redis://:s3cret@h", "redis://:**@h"),
        ("redis://u:p:s3cret:@h/0", "redis://u:**@h/0"),
        ("redis://u:p@s3cret@h/0", "redis://u:**@h/0"),
        ("postgresql+psycopg://u:p/s3cret?;#@h/db", "postgresql+psycopg://u:**@h/db"),
        ("postgresql+psycopg://me@work:s3cret@h/db", "postgresql+psycopg://me@work:**@h/db"),
        ("postgresql+psycopg:///db?host=h&password=s3cret", "postgresql+psycopg:///db?host=h&password=**"),
        ("mysql+pymysql://h/db?SSL_key_passphrase=s3@cret&a=b", "mysql+pymysql://h/db?SSL_key_passphrase=**&a=b"),
        ("redis+socket://u:s3cret@/run/r.sock?virtual_host=1", "redis+socket://u:**@/run/r.sock?virtual_host=1"),
        ("amqp://u:s3cret@a//;amqp://u:s3cret@b//", "amqp://u:**@a//;amqp://u:**@b//"),
        ("sentinel://a:26379;sentinel://:s3cret@b:26379/0", "sentinel://a:26379;sentinel://:**@b:26379/0"),
        ("sentinel://:s3cret@a:26379;b:26379/0", "sentinel://:**@a:26379;b:26379/0"),
    ],
)
def test_passwords_are_hidden_wherever_they_are(given: str, shown: str) -> None:
    assert display(given) == shown


@pytest.mark.parametrize(
    "given",
    [
        "sqlite:////srv/me@work/a:b@c.sqlite",
        "sqlite:///jobs.sqlite",
        "memory://",
        "redis://[::1]:6379/0",
        "amqp://u@h//",
    ],
)
def test_what_has_no_password_is_shown_as_it_is(given: str) -> None:
    assert display(given) == given


def test_a_database_is_named_without_its_passwords() -> None:
    database = Database("postgresql+psycopg://u:s3cret@h/db?sslpassword=s3cret", LedgerUnavailable)
    assert database.display == "postgresql+psycopg://u:**@h/db?sslpassword=**"
