"""Broker URLs: the spellings people use, and what they mean."""

from __future__ import annotations

DEFAULT_URL = "sqlite:///pyramid_scheduler.sqlite"

_KOMBU_SQL_PREFIXES = ("kombu.transport.sqlalchemy:transport+", "sqlalchemy+", "sqla+", "db+", "pssql+")
_SQL_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
_SQL_SCHEMES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")
_REDIS_SCHEMES = ("redis", "rediss", "redis+socket", "unix")


def normalize(url: str) -> str:
    """The URL as the rest of the wing reads it: a SQLAlchemy URL for databases, Kombu's for all else.

    ``sqla+postgresql://``, ``kombu.transport.sqlalchemy:Transport+sqlite:///x.db`` and a plain database URL mean
    the same thing; a database without a driver gets ours (psycopg 3, PyMySQL). Empty is the embedded default.
    """
    url = url.strip() or DEFAULT_URL
    lowered = url.lower()
    for prefix in _KOMBU_SQL_PREFIXES:
        if lowered.startswith(prefix):
            url = url[len(prefix) :]
            break
    scheme, separator, rest = url.partition("://")
    if not separator:
        return f"{url}://"
    return f"{_SQL_DRIVERS.get(scheme.lower(), scheme)}://{rest}"


def kombu_url(url: str) -> str:
    """Under which Kombu reaches the same queues: databases by a transport of ours, which it knows from then on."""
    if not is_sql(normalize(url)):
        return url
    from .transports import sql_kombu

    sql_kombu.register()
    return f"{sql_kombu.SCHEME}+{normalize(url)}"


def is_sql(url: str) -> bool:
    """Whether a normalized URL names a database."""
    return url.partition("://")[0].partition("+")[0] in _SQL_SCHEMES


def is_redis(url: str) -> bool:
    return url.partition("://")[0] in _REDIS_SCHEMES


def is_amqp(url: str) -> bool:
    return url.partition("://")[0] in ("amqp", "amqps", "pyamqp")


def is_local(url: str) -> bool:
    """Whether nobody outside this host can write to that broker: memory, or a SQLite file."""
    return normalize(url).startswith(("sqlite", "memory"))
