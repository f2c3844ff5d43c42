"""Ending the connection of a process that is dead, when RabbitMQ has read what that had said."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Collection
from struct import pack

PATIENCE_SECONDS = 1.0
READ_BYTES = 1 << 16
#: AMQP 0-9-1's numbers: of a frame's type, of classes with their methods; and a frame's last byte.
_METHOD, _BASIC_CANCEL, _BASIC_ACK, _FRAME_END = 1, (60, 30), (60, 80), b"\xce"

Tag = tuple[int, int]  # (which connection, delivery tag)


def hang_up(fd: int, begun: Collection[Tag], *, channel: int, generation: int) -> None:
    """Returns when the server has read it all, the connection is lost, or that takes too long.

    A connection that is closed with something unread is reset, which overtakes what was written to it: acks, say, of
    runs that had begun. So the dead process's supervisor asks something harmless with its copy of the descriptor: it
    cancels a consumer that there is not, whose name the server repeats when it has read all before. Nothing else of
    what the server says is understood: that may begin in the middle of a message.

    First what had ``begun`` and was not acked is: of this connection, the others ended theirs.
    """
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    with socket.socket(fileno=os.dup(fd)) as peer:
        try:
            peer.settimeout(PATIENCE_SECONDS)
            name = uuid.uuid4().hex.encode()
            acks = [_ack(channel, tag) for came_over, tag in begun if came_over == generation]
            peer.sendall(b"".join(acks) + _cancel(channel, name))
            _read_until(peer, name, give_up_at)
        except OSError:  # it had said farewell itself, or the server is gone
            pass
        finally:
            _shut_down(peer)


def _ack(channel: int, tag: int) -> bytes:
    return _frame(channel, pack(">HHQB", *_BASIC_ACK, tag, 0))


def _cancel(channel: int, consumer: bytes) -> bytes:
    """One that wants an answer."""
    return _frame(channel, pack(">HHB", *_BASIC_CANCEL, len(consumer)) + consumer + b"\0")


def _frame(channel: int, method: bytes) -> bytes:
    return pack(">BHI", _METHOD, channel, len(method)) + method + _FRAME_END


def _read_until(peer: socket.socket, name: bytes, give_up_at: float) -> None:
    heard = b""
    while name not in heard and time.monotonic() < give_up_at:
        read = peer.recv(READ_BYTES)
        if not read:
            return
        heard = heard[-len(name) :] + read


def _shut_down(peer: socket.socket) -> None:
    """Whoever else has a copy of it, a process that a job had started, say: the server takes back what is not acked."""
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is so already
        pass
