"""A line to a server that can go dead: what is said into it arrives nowhere, and nobody hangs up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Wire:
    """Takes connections on a port of its own and carries them to the server's, until it is told to go dead.

    From then on it takes in no more than fits the system's buffers.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._live = threading.Event()
        self._live.set()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._connect, daemon=True).start()

    def go_dead(self) -> None:
        self._live.clear()

    def close(self) -> None:
        for end in (self._listener, *self._ends):
            _hang_up(end)

    def _connect(self) -> None:
        try:
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                self._ends += near, far
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()
        except OSError:
            pass  # closed

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        try:
            while (data := here.recv(65536)) and self._live.is_set():
                there.sendall(data)
        except OSError:
            pass


def _hang_up(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    wire = Wire(("127.0.0.1", port))
    try:
        yield wire
    finally:
        wire.close()
