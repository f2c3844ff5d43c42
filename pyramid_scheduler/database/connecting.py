"""Connections that break, instead of keeping whoever uses them waiting, when the server's host is gone.

An answer may take as long as it takes: a migration, a lock, a commit. But a host that is there acknowledges at once
what arrives, whatever its server is busy with: TCP itself asks for that, and gives up on one that is silent.
"""

from __future__ import annotations

import socket
from typing import Any

from sqlalchemy.engine import URL

CONNECT_TIMEOUT_SECONDS = 2
#: With as much to connect again, who beats every two seconds is still heard before its lease of eight is over.
SILENCE_SECONDS = 2
#: A connection that says nothing is asked after this often, from when it has been silent for ``SILENCE_SECONDS``.
_ASK_EVERY_SECONDS, _ASK_TIMES = 1, 2

_LIBPQ = {
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": SILENCE_SECONDS,
    "keepalives_interval": _ASK_EVERY_SECONDS,
    "keepalives_count": _ASK_TIMES,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
}
#: Not every system has all of them.
_TCP = {
    "TCP_KEEPIDLE": SILENCE_SECONDS,
    "TCP_KEEPINTVL": _ASK_EVERY_SECONDS,
    "TCP_KEEPCNT": _ASK_TIMES,
    "TCP_USER_TIMEOUT": SILENCE_SECONDS * 1000,
}


def connect_arguments(url: URL, *, durable: bool) -> dict[str, Any]:
    """For the driver, beside what the URL says, which is not overruled."""
    if url.get_backend_name() != "postgresql":
        return _unless_said(url, {"connect_timeout": CONNECT_TIMEOUT_SECONDS})
    arguments = _unless_said(url, _LIBPQ)
    if not durable:
        said = url.query.get("options") or ()  # which a connect argument would replace
        options = (said,) if isinstance(said, str) else said
        arguments["options"] = " ".join((*options, "-c synchronous_commit=off"))
    return arguments


def _unless_said(url: URL, arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in url.query}


def ask_after_the_host(connection: Any, _record: Any) -> None:
    """Of a new connection of PyMySQL's, which has no options for it."""
    sock: socket.socket | None = getattr(connection, "_sock", None)
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _TCP.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
