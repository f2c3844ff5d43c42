"""Servers of a test's own, on free ports of this host: for tests that stop, starve or misuse them."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

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
    """Where the first of these is; where none is installed, skips the test on a user's machine and fails it in CI."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    missing = f"{names[0]} is not installed"
    if os.environ.get("CI"):
        pytest.fail(missing)
    return pytest.skip(missing)


def redis(directory: Path, *options: str, port: int | None = None) -> OwnServer:
    """A Redis that is not running yet; its files are in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    given = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", "", *options]
    return OwnServer([program("redis-server"), *given], port)


@contextmanager
def redis_on_a_socket(directory: Path) -> Iterator[str]:
    """A socket, and an account that may do no more than the documentation says is needed."""
    path, account = directory / "redis.sock", ["jobs", "on", ">s3cret", "~shop.*", "~{shop.*", "&shop.*", *ACL]
    with running(redis(directory, "--unixsocket", str(path), "--user", *account, "--user", "default", "off")):
        yield f"redis+socket://jobs:s3cret@{path}?virtual_host=0#global_keyprefix=shop."


@dataclass(frozen=True)
class Tls:
    """A certificate that signs itself, and what has a Redis or a sentinel speak TLS only."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, directory: Path) -> Tls:
        tls = cls(directory / "certificate.pem", directory / "key.pem")
        command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        files = ["-keyout", str(tls.key), "-out", str(tls.certificate)]
        whom = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*command, *files, *whom], check=True, capture_output=True)
        return tls

    def options(self, port: int) -> dict[str, str]:
        files = {"tls-cert-file": str(self.certificate), "tls-key-file": str(self.key)}
        more = {"tls-ca-cert-file": str(self.certificate), "tls-auth-clients": "no", "tls-replication": "yes"}
        return {"port": "0", "tls-port": str(port), **files, **more}


@contextmanager
def redis_with_tls(directory: Path) -> Iterator[str]:
    tls, port = Tls.make(directory), free_port()
    with running(redis(directory, *_words(tls.options(port)), port=port)):
        yield f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=CERT_REQUIRED#ssl_ca_certs={tls.certificate}"


@contextmanager
def redis_behind_a_sentinel(directory: Path) -> Iterator[str]:
    """Both of them speak TLS only."""
    tls, port, sentinel_port = Tls.make(directory), free_port(), free_port()
    with (
        running(redis(directory, *_words(tls.options(port)), port=port)),
        running(redis_sentinel(directory, port, tls.options(sentinel_port), sentinel_port)),
    ):
        yield f"sentinel://127.0.0.1:{sentinel_port}/0#ssl=true&ssl_ca_certs={tls.certificate}"


@contextmanager
def redis_pair(directory: Path) -> Iterator[tuple[OwnServer, str]]:
    """A master that has a replica, and the URL of the sentinel that watches them."""
    with ExitStack() as stack:
        master = stack.enter_context(running(redis(directory / "master")))
        stack.enter_context(running(redis(directory / "replica", "--replicaof", "127.0.0.1", str(master.port))))
        sentinel = stack.enter_context(running(redis_sentinel(directory, master.port)))
        cli = [program("redis-cli"), "-p", str(sentinel.port), "sentinel", "replicas", "mymaster"]
        wait_for(lambda: b"slave-repl-offset" in subprocess.run(cli, capture_output=True).stdout, what="the replica")
        yield master, f"sentinel://127.0.0.1:{sentinel.port}/0"


def redis_sentinel(
    directory: Path, master_port: int, options: Mapping[str, str] | None = None, port: int | None = None
) -> OwnServer:
    """One that watches ``mymaster`` and needs no other to decide that it is down."""
    port = port or free_port()
    file = directory / "sentinel.conf"
    lines = [f"{name} {value}" for name, value in (options or {"port": str(port)}).items()]
    file.write_text(
        "\n".join(lines) + f"\nbind 127.0.0.1\ndir {directory}\n"
        f"sentinel monitor mymaster 127.0.0.1 {master_port} 1\n"
        "sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n"
    )
    return OwnServer([program("redis-server"), str(file), "--sentinel"], port)


def _words(options: Mapping[str, str]) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", value)]


@contextmanager
def redis_cluster(directory: Path, nodes: int = 3) -> Iterator[str]:
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
        yield f"redis://{hosts[0]}/0#cluster=true"


#: Ways to run Redis. What they yield is a broker's URL, and behind the # the options that go with it.
REDIS_DEPLOYMENTS = {
    "redis on a socket": redis_on_a_socket,
    "redis with TLS": redis_with_tls,
    "redis with TLS behind a sentinel": redis_behind_a_sentinel,
    "redis cluster": redis_cluster,
}
#: What an account needs that is for jobs only.
ACL = ("+@all", "-@admin", "-@dangerous", "+client|unblock")


def url_and_options(place: str) -> tuple[str, dict[str, str]]:
    """What a deployment yields, taken apart."""
    url, _, options = place.partition("#")
    return url, dict(parse_qsl(options))


@contextmanager
def mariadb(directory: Path, timezone: str) -> Iterator[str]:
    """The URL of a database in a MariaDB whose host is in that time zone."""
    port, data = free_port(), f"--datadir={directory / 'data'}"
    us = f"--user={getpass.getuser()}"
    install = [program("mariadb-install-db"), "--no-defaults", "--auth-root-authentication-method=normal", data, us]
    subprocess.run(install, check=True, capture_output=True)
    files = [data, f"--socket={directory / 'socket'}", f"--pid-file={directory / 'pid'}"]
    command = [program("mariadbd", "mysqld"), "--no-defaults", us, *files, f"--port={port}", "--bind-address=127.0.0.1"]
    with running(OwnServer(command, port, {**os.environ, "TZ": timezone})):
        yield f"mysql+pymysql://root@127.0.0.1:{port}/test"


@contextmanager
def rabbitmq(directory: Path, *, consumer_timeout_seconds: float = 1800.0, tls: Tls | None = None) -> Iterator[str]:
    """The URL of a RabbitMQ that looks every second for messages that were held for too long; with ``tls``, no other
    connections are taken."""
    port, peer_port = free_port(), free_port()
    config = directory / "rabbitmq.conf"
    lines = {f"listeners.{'ssl' if tls else 'tcp'}.1": f"127.0.0.1:{port}"}
    if tls:
        lines |= {"listeners.tcp": "none", "ssl_options.certfile": str(tls.certificate)}
        lines |= {"ssl_options.keyfile": str(tls.key), "ssl_options.verify": "verify_none"}
    config.write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
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
        yield f"amqp{'s' if tls else ''}://guest:guest@127.0.0.1:{port}//"
