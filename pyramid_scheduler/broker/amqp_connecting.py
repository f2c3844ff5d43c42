"""AMQP connections: one for publishing, one for each consumer, never shared between threads."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

import amqp
from amqp.exceptions import AMQPError
from amqp.transport import TCPTransport
from kombu.connection import Connection

from .options import is_flag, is_true, table

CONNECT_TIMEOUT_SECONDS = 2
READ_AHEAD_BYTES = 16384
#: A frame that has begun is here by then, or its sender is lost.
STALLED_SECONDS = 5
_FRAME_BYTES = 8  # around what it carries
ERRORS = (AMQPError, OSError)


def connect(url: str, options: Mapping[str, Any], answer_seconds: float | None = None) -> amqp.Connection:
    """An open connection. No heartbeats: a job that holds the interpreter for minutes must not lose its claims; that
    the peer is gone, TCP keepalive tells. A peer that is there and says nothing may take ``answer_seconds`` to take in
    or to answer what it is told."""
    with Connection(url, connect_timeout=CONNECT_TIMEOUT_SECONDS) as parsed:
        info = parsed.info()
    connection = amqp.Connection(
        host=f"{info['hostname'] or 'localhost'}:{info['port'] or 5672}",
        userid=info["userid"] or "guest",
        password=info["password"] or "guest",
        virtual_host=info["virtual_host"] or "/",
        ssl=tls(url, options),
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=answer_seconds,
        write_timeout=answer_seconds,
        heartbeat=0,
        login_method=info.get("login_method"),
        client_properties={"connection_name": f"pyramid_scheduler {socket.gethostname()} {os.getpid()}"},
    )
    connection.connect()
    _read_ahead(connection)
    return connection


def _read_ahead(connection: amqp.Connection) -> None:
    """Let py-amqp take from the socket what is there, instead of three reads a frame.

    It keeps the surplus in a buffer of its own, so whoever selects on the socket must ask ``has_read_ahead`` first.
    A TLS socket reads ahead by itself.
    """
    if is_plain(connection):
        transport = connection.transport
        receive = transport.sock.recv
        transport._quick_recv = lambda size: receive(max(size, READ_AHEAD_BYTES))


def is_plain(connection: amqp.Connection) -> bool:
    """Whether what is written to its socket is what the server reads: it is not encrypted."""
    return type(connection.transport) is TCPTransport


def take_in(connection: amqp.Connection) -> None:
    """One method, and the message that comes with it. py-amqp's own way sets the socket's timeout for each frame, and
    sets it back: that takes longer than to read what is here already."""
    is_done = False
    while not is_done:
        if is_plain(connection) and _has_frame(connection.transport._read_buffer):
            is_done = connection.on_inbound_frame(connection.transport.read_frame())
        else:
            is_done = connection.blocking_read(STALLED_SECONDS)


def _has_frame(buffer: bytes) -> bool:
    """Whether all of the next one is here: type, channel, size, what it is about, its end."""
    return len(buffer) >= _FRAME_BYTES and len(buffer) >= _FRAME_BYTES + int.from_bytes(buffer[3:7])


def has_read_ahead(connection: amqp.Connection) -> bool:
    """Whether frames, or the beginning of one, lie in memory already."""
    pending = getattr(connection.sock, "pending", None)
    return bool(connection.transport._read_buffer) or bool(pending is not None and pending())


def tls(url: str, options: Mapping[str, Any]) -> dict[str, Any] | bool:
    """How py-amqp is to encrypt, or whether it is. Raises InvalidSetting."""
    given = options.get("ssl")
    wanted = is_true(given) or url.startswith("amqps")
    return wanted if is_flag(given) else table(options, "ssl") or wanted
