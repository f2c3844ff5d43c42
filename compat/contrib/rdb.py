"""A debugger that waits in a task for somebody to come by telnet: ``rdb.set_trace()``."""

from __future__ import annotations

import errno
import os
import socket
import sys
from contextlib import closing
from multiprocessing import current_process
from pdb import Pdb
from types import FrameType
from typing import Any

__all__ = ("CELERY_RDB_HOST", "CELERY_RDB_PORT", "DEFAULT_PORT", "Rdb", "debugger", "set_trace")

DEFAULT_PORT = 6899
#: Where it listens: others of this machine only, unless the environment says otherwise.
CELERY_RDB_HOST = os.environ.get("CELERY_RDB_HOST") or "127.0.0.1"
CELERY_RDB_PORT = int(os.environ.get("CELERY_RDB_PORT") or DEFAULT_PORT)
_current: list[Any] = [None]
_frame = sys._getframe


class Rdb(Pdb):
    """Pdb at the other end of a connection; the task stands still until it comes and is done with."""

    me = "Remote Debugger"
    active = False
    _reader: Any = None
    _handle: Any = None
    _client: Any = None
    _sock: Any = None

    def __init__(
        self,
        host: str = CELERY_RDB_HOST,
        port: int = CELERY_RDB_PORT,
        port_search_limit: int = 100,
        port_skew: int = 0,
        out: Any = None,
    ) -> None:
        self.out = sys.stdout if out is None else out
        self._prev_handles = sys.stdin, sys.stdout
        self.host = host
        self._sock, self.port = self.get_avail_port(host, port, port_search_limit, port_skew)
        self.ident = f"{self.me}:{self.port}"
        self.active = True
        self._await_client()
        super().__init__(completekey="tab", stdin=self._reader, stdout=self._handle)

    def _await_client(self) -> None:
        self._sock.setblocking(1)
        self._sock.listen(1)
        self.say(f"{self.ident}: Ready to connect: telnet {self.host} {self.port} (`exit` lets the task go on)")
        self._client, address = self._sock.accept()
        self._client.setblocking(1)
        self.remote_addr = ":".join(str(part) for part in address)
        self.say(f"{self.ident}: Now in session with {self.remote_addr}.")
        # One file for both would forget at each prompt what the visitor has typed ahead.
        self._reader = sys.stdin = self._client.makefile("r")
        self._handle = sys.stdout = self._client.makefile("w")

    def get_avail_port(self, host: str, port: int, search_limit: int = 100, skew: int = 0) -> tuple[Any, int]:
        """A socket on the first port that is free, from this process's own on."""
        _, _, number = current_process().name.rpartition("-")
        first = port + (int(number) if number.isdigit() else skew)
        for candidate in range(first, first + search_limit):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((host, candidate))
            except OSError as error:
                sock.close()
                if error.errno not in (errno.EADDRINUSE, errno.EINVAL):
                    raise
            else:
                return sock, candidate
        raise Exception(f"{self.me}: no port from {first} on is free: CELERY_RDB_PORT says where to look")

    def say(self, m: str) -> None:
        print(m, file=self.out)

    def __enter__(self) -> Rdb:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._close_session()

    def _close_session(self) -> None:
        self.stdin, self.stdout = sys.stdin, sys.stdout = self._prev_handles
        if not self.active:
            return
        self.active = False
        for end in (self._reader, self._handle, self._client, self._sock):
            if end is not None:
                with closing(end):
                    pass
        self.say(f"{self.ident}: Session with {self.remote_addr} ended.")

    def do_continue(self, arg: Any) -> bool:
        """Let the task go on."""
        self._close_session()
        self.set_continue()
        return True

    do_c = do_cont = do_continue

    def do_quit(self, arg: Any) -> bool:
        """The same: a task is not ended by who has looked at it."""
        self._close_session()
        self.set_quit()
        return True

    do_q = do_exit = do_quit

    def set_quit(self) -> None:
        sys.settrace(None)


def debugger() -> Rdb:
    """The debugger of this process; a new one where nobody is connected."""
    if _current[0] is None or not _current[0].active:
        _current[0] = Rdb()
    return _current[0]  # type: ignore[no-any-return]


def set_trace(frame: FrameType | None = None) -> Any:
    """Stop here until somebody has come and said ``continue`` or ``exit``."""
    return debugger().set_trace(_frame().f_back if frame is None else frame)
