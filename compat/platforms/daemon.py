"""A process that goes on without its terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from multiprocessing import util as mputil
from typing import Any

from kombu.utils.compat import maybe_fileno

from .descriptors import close_open_fds, fd_by_path
from .pidfile import _create_pidlock
from .privileges import maybe_drop_privileges
from .signalling import signals

DAEMON_WORKDIR = "/"


class DaemonContext:
    """The block runs in a process of its own session, whose parents have ended; ``fake``: in this one."""

    _is_open = False

    def __init__(
        self,
        pidfile: Any = None,
        workdir: Any = None,
        umask: Any = None,
        fake: bool = False,
        after_chdir: Callable[[], Any] | None = None,
        after_forkers: bool = True,
        **kwargs: Any,
    ) -> None:
        self.workdir = workdir or DAEMON_WORKDIR
        self.umask = int(umask, 8 if umask.startswith("0") else 10) if isinstance(umask, str) else umask
        self.fake = fake
        self.after_chdir = after_chdir
        self.after_forkers = after_forkers
        self.stdfds: Any = (sys.stdin, sys.stdout, sys.stderr)

    def open(self) -> None:
        if self._is_open:
            return
        if not self.fake:
            self._detach()
        os.chdir(self.workdir)
        if self.umask is not None:
            os.umask(self.umask)
        if self.after_chdir:
            self.after_chdir()
        if not self.fake:
            self._let_go()
        self._is_open = True

    __enter__ = open

    def close(self, *args: Any) -> None:
        self._is_open = False

    __exit__ = close

    def redirect_to_null(self, fd: int | None) -> None:
        if fd is not None:
            os.dup2(os.open(os.devnull, os.O_RDWR), fd)

    def _detach(self) -> DaemonContext:
        """Twice, so that what goes on is no session's leader and cannot get a terminal again."""
        if os.fork():
            os._exit(0)
        os.setsid()
        if os.fork():
            os._exit(0)
        return self

    def _let_go(self) -> None:
        """Of what the parents had open; not of the source of random numbers, which libraries hold."""
        close_open_fds([*self.stdfds, *fd_by_path(["/dev/urandom"])])
        for file in self.stdfds:
            self.redirect_to_null(maybe_fileno(file))
        if self.after_forkers:
            mputil._run_after_forkers()  # type: ignore[attr-defined]


def detached(
    logfile: Any = None,
    pidfile: Any = None,
    uid: Any = None,
    gid: Any = None,
    umask: Any = 0,
    workdir: Any = None,
    fake: bool = False,
    **opts: Any,
) -> DaemonContext:
    """A context for what is to go on in the background: as that user, who can write to ``logfile``.

    The pidfile is looked at, and made by whoever runs in the block.
    """
    workdir = os.getcwd() if workdir is None else workdir
    signals.reset("SIGCLD")
    maybe_drop_privileges(uid=uid, gid=gid)

    def look() -> None:
        if logfile:
            open(logfile, "a").close()
        if pidfile:
            _create_pidlock(pidfile).release()

    return DaemonContext(umask=umask, workdir=workdir, fake=fake, after_chdir=look)
