"""Servers of a test's own, on free ports of this host: for tests that stop, starve or misuse them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fleet import wait_for

RABBITMQ_SERVERS = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/rabbitmq/sbin/rabbitmq-server")


def free_port() -> int:
    """One that a Redis Cluster node can use, too: it takes the port 10,000 above as well."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 55_000:
            return port


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class OwnServer:
    """A server process, to be stopped, killed and started again."""

    def __init__(self, command: Sequence[str], port: int, environ: dict[str, str] | None = None) -> None:
        self.port = port
        self._command = command
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 30.0) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        wait_for(lambda: answers(self.port), seconds, f"an answer of {self._command[0]} on port {self.port}")

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal that ends it, and wait."""
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait()
        self._process = None


@contextmanager
def running(server: OwnServer) -> Iterator[OwnServer]:
    try:
        server.start()
        yield server
    finally:
        server.end(signal.SIGKILL)


def program(*names: str) -> str:
    """Where the first of these is; skips the test where none is installed."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    return pytest.skip(f"{names[0]} is not installed")


def redis(directory: Path, *options: str, port: int | None = None) -> OwnServer:
    """A Redis that is not running yet; its files are in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    given = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", "", *options]
    return OwnServer([program("redis-server"), *given], port)


def redis_sentinel(directory: Path, master_port: int) -> OwnServer:
    """One that watches ``mymaster`` and needs no other to decide that it is down."""
    port = free_port()
    file = directory / "sentinel.conf"
    file.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {directory}\n"
        f"sentinel monitor mymaster 127.0.0.1 {master_port} 1\n"
        "sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n"
    )
    return OwnServer([program("redis-server"), str(file), "--sentinel"], port)


@contextmanager
def redis_cluster(directory: Path, nodes: int = 3) -> Iterator[list[OwnServer]]:
    """A cluster of primaries without replicas, all slots assigned."""
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        servers = [stack.enter_context(running(redis(directory / f"node{n}", *options))) for n in range(nodes)]
        cli = program("redis-cli")
        hosts = [f"127.0.0.1:{server.port}" for server in servers]
        subprocess.run([cli, "--cluster", "create", *hosts, "--cluster-yes"], check=True, capture_output=True)
        for server in servers:
            info = [cli, "-p", str(server.port), "cluster", "info"]
            wait_for(lambda info=info: b"cluster_state:ok" in subprocess.run(info, capture_output=True).stdout)  # type: ignore[misc]
        yield servers


@contextmanager
def rabbitmq(directory: Path, *, consumer_timeout_seconds: float) -> Iterator[str]:
    """The URL of a RabbitMQ that looks every second for messages that were held for too long."""
    port, peer_port = free_port(), free_port()
    config = directory / "rabbitmq.conf"
    config.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    (directory / "conf.d").mkdir()
    milliseconds = int(consumer_timeout_seconds * 1000)
    environ = {
        **os.environ,
        "HOME": str(directory),
        "RABBITMQ_NODENAME": f"own{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_CONFIG_FILES": str(directory / "conf.d"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "none"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_DIST_PORT": str(peer_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            f"-rabbit channel_tick_interval 1000 -rabbit consumer_timeout {milliseconds}"
        ),
    }
    with running(OwnServer([program(*RABBITMQ_SERVERS, "rabbitmq-server")], port, environ)):
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
