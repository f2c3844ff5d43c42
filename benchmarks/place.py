"""Where one trial takes place: a directory, and something empty on a server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: What systems append to a queue's name when they need another one.
QUEUE_SUFFIXES = ("", ".DQ", ".XQ", ".dead_letter", ".delay")
PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Servers:
    """Where they are. Without a URL for Redis, one is started for the run and stopped after it."""

    redis: str
    rabbitmq: str
    postgresql: str


@dataclass(frozen=True)
class Place:
    directory: Path
    url: str
    queue: str


@contextmanager
def place(broker: str, servers: Servers) -> Iterator[Place]:
    """Empty at the start, removed at the end."""
    queue = f"bench_{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        if broker == "sqlite":
            yield Place(directory, str(directory / "jobs.sqlite"), queue)
            return
        prepare = {"redis": _redis, "rabbitmq": _rabbitmq, "postgresql": _postgresql}[broker]
        with prepare(getattr(servers, broker), queue) as url:
            yield Place(directory, url, queue)


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis of our own: in memory only, on a free port."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("there is no redis-server here: install one, or name a database to use with --redis-url")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir(), start_new_session=True)
    try:
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def _redis(url: str, queue: str) -> Iterator[str]:
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushdb()
        try:
            yield url
        finally:
            client.flushdb()


@contextmanager
def _rabbitmq(url: str, queue: str) -> Iterator[str]:
    import kombu

    try:
        yield url
    finally:
        with kombu.Connection(url, connect_timeout=5) as connection:
            channel = connection.default_channel
            for suffix in QUEUE_SUFFIXES:
                channel.queue_delete(queue + suffix)
            channel.exchange_delete(queue)


@contextmanager
def _postgresql(url: str, queue: str) -> Iterator[str]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {queue}")
        try:
            yield f"{url.rpartition('/')[0]}/{queue}"
        finally:
            connection.execute(f"DROP DATABASE {queue} WITH (FORCE)")


def environ_of(place: Place, broker: str, *, confirms: bool) -> dict[str, str]:
    """What `systems` reads."""
    here = Path(__file__).resolve().parent
    return {
        **os.environ,
        "BENCH_BROKER": broker,
        "BENCH_URL": place.url,
        "BENCH_QUEUE": place.queue,
        "BENCH_CONFIRMS": "1" if confirms else "0",
        "BENCH_DIRECTORY": str(place.directory),
        "PYTHONPATH": f"{here}{os.pathsep}{here.parent}",
    }
