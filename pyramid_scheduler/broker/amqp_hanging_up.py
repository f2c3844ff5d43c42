"""Ending the connection of a process that is dead, when RabbitMQ has read what that had said."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from struct import pack

PATIENCE_SECONDS = 1.0
READ_BYTES = 1 << 16
#: AMQP 0-9-1's numbers: of a frame's type, of classes with their methods; and a frame's last byte.
_METHOD, _CLOSE, _CLOSE_OK, _BASIC_ACK, _FRAME_END = 1, (10, 50), (10, 51), (60, 80), b"\xce"
_REPLY_SUCCESS = 200

Tag = tuple[int, int]  # (which connection, delivery tag)


def hang_up(fd: int, begun: Collection[Tag], doubtful: Collection[Tag], *, channel: int, generation: int) -> None:
    """Returns when the server has read it all, the connection is lost, or that takes too long.

    A connection that is closed with something unread is reset, which overtakes what was written to it: acks, say, of
    runs that had begun. So the dead process's supervisor says farewell with its copy of the descriptor, which the
    server returns when it has done all that was said before. Nothing else of what the server says is understood: that
    may begin in the middle of a message.

    First what had ``begun`` and was not acked is: of this connection, the others ended theirs. Then what is doubtful,
    as the process was just acking it, lower tags first: so here the higher ones are first. To ack a second time closes
    the channel, and whatever comes after that was acked, too.
    """
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=fd)  # whichever it is: nothing is looked up
    try:
        peer.settimeout(PATIENCE_SECONDS)
        tags = [*begun, *sorted(doubtful, reverse=True)]
        acks = [_ack(channel, tag) for came_over, tag in tags if came_over == generation]
        peer.sendall(b"".join(acks) + FAREWELL)
        _read_until(peer, FAREWELL_RETURNED, give_up_at)
    except OSError:  # it had said farewell itself, or the server is gone
        pass
    finally:
        _shut_down(peer)
        peer.detach()  # it is its owner's to close


def _ack(channel: int, tag: int) -> bytes:
    return _frame(channel, pack(">HHQB", *_BASIC_ACK, tag, 0))


def _frame(channel: int, method: bytes) -> bytes:
    return pack(">BHI", _METHOD, channel, len(method)) + method + _FRAME_END


FAREWELL = _frame(0, pack(">HHHBHH", *_CLOSE, _REPLY_SUCCESS, 0, 0, 0))
FAREWELL_RETURNED = _frame(0, pack(">HH", *_CLOSE_OK))


def _read_until(peer: socket.socket, words: bytes, give_up_at: float) -> None:
    """They are the last that it says: in the midst of others they are a message's."""
    heard = b""
    while not heard.endswith(words) and time.monotonic() < give_up_at:
        read = peer.recv(READ_BYTES)
        if not read:
            return
        heard = heard[-len(words) :] + read


def _shut_down(peer: socket.socket) -> None:
    """Whoever else has a copy of it, a process that a job had started, say: the server takes back what is not acked."""
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is so already
        pass
