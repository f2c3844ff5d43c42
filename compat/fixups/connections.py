"""Django's database connections of the running thread."""

from __future__ import annotations

from typing import Any

from ..utils.log import get_logger

logger = get_logger("celery.fixups.django")


def _opened() -> list[Any]:
    from django.db import connections

    try:
        return list(connections.all(initialized_only=True))
    except TypeError:  # Django before 4.1
        return list(connections.all())


def in_transaction() -> frozenset[str]:
    """The aliases of the connections within an atomic block."""
    return frozenset(connection.alias for connection in _opened() if connection.in_atomic_block)


def close_idle() -> None:
    """Close all but those within an atomic block, whose transaction is not ours to end."""
    for connection in _opened():
        if not connection.in_atomic_block:
            _close(connection)


def drop(alias: str) -> None:
    """Close it whatever it does; a new one takes its place when it is needed."""
    from django.db import connections

    _close(connections[alias])
    del connections[alias]


def _close(connection: Any) -> None:
    from django.db import Error

    try:
        connection.close()
    except Error as error:  # the server has gone, or closed it first; Django has let go of it all the same
        logger.debug("closing database %r: %r", connection.alias, error)
