"""Names of workers: ``name@host``."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from typing import Any

from kombu.entity import Exchange, Queue

from .text import simple_format

WORKER_DIRECT_EXCHANGE = Exchange("C.dq2")
WORKER_DIRECT_QUEUE_FORMAT = "{hostname}.dq2"
NODENAME_SEP = "@"
NODENAME_DEFAULT = "celery"


@lru_cache(maxsize=1)
def gethostname() -> str:
    """This machine's name."""
    return socket.gethostname()


def worker_direct(hostname: Any) -> Queue:
    """The queue that leads to that worker alone."""
    if isinstance(hostname, Queue):
        return hostname
    return Queue(WORKER_DIRECT_QUEUE_FORMAT.format(hostname=hostname), WORKER_DIRECT_EXCHANGE, hostname)


def nodename(name: str, hostname: str) -> str:
    return f"{name}{NODENAME_SEP}{hostname}"


def anon_nodename(hostname: str | None = None, prefix: str = "gen") -> str:
    """This process, where it is no worker: ``gen<pid>@host``."""
    return nodename(f"{prefix}{os.getpid()}", hostname or gethostname())


def nodesplit(name: str) -> list[Any] | tuple[None, str]:
    """[name, host], or (None, host) where there is no name."""
    parts = name.split(NODENAME_SEP, 1)
    return (None, parts[0]) if len(parts) == 1 else parts


def default_nodename(hostname: str | None, default_name: str = NODENAME_DEFAULT) -> str:
    """A whole node name from a part of one, or from nothing."""
    name, host = nodesplit(hostname or "")
    return nodename(name or default_name, host or gethostname())


def node_format(s: str, name: str, **extra: Any) -> str:
    """``s`` with %h %n %d %i %I %p filled in for the node ``name``."""
    shortname, host = nodesplit(name)
    return host_format(s, host, shortname or NODENAME_DEFAULT, p=name, **extra)


def host_format(s: str, host: str | None = None, name: str | None = None, **extra: Any) -> str:
    """``s`` with %h (host), %n (name), %d (domain), %i and %I (number of the process, here always the first's)."""
    host = host or gethostname()
    first, _, domain = host.partition(".")
    return simple_format(s, {"h": host, "n": name or first, "d": domain, "i": "0", "I": "", **extra})
