"""The pyramid_scheduler Scheduler behind an app."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from kombu import serialization
from kombu.common import Broadcast
from kombu.exceptions import SerializerNotInstalled

from pyramid_scheduler import Scheduler, Settings, parse_settings

from .producing import PipelineProducer

#: Where Celery looks when no broker is configured.
DEFAULT_BROKER_URL = "amqp://guest:guest@localhost:5672//"
#: Celery knows no limit; no message of Redis is larger.
MAX_BODY = "512M"


class Pipeline:
    """One app's way to the broker: a Scheduler of its own, or, within Pyramid, the registry's."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.producer = PipelineProducer(app, self)
        self._scheduler: Scheduler | None = None
        self._shared = False

    @property
    def scheduler(self) -> Scheduler:
        if self._scheduler is None:
            self._scheduler = Scheduler(settings_of(self.app))
        return self._scheduler

    def share(self, scheduler: Scheduler) -> None:
        """Use this Scheduler, which somebody else starts and stops."""
        self._scheduler, self._shared = scheduler, True

    @property
    def is_open_to_kombu(self) -> bool:
        """Whether kombu, by the app's own settings, finds the queues of this pipeline."""
        return not self._shared and speaks_kombu(self.app)

    def close(self) -> None:
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None and not self._shared:
            scheduler.shutdown(0)


def broker_url(app: Any) -> str:
    """The first of the app's broker URLs."""
    url = app.conf.broker_write_url or DEFAULT_BROKER_URL
    if not isinstance(url, str):
        url = url[0]
    return str(url.split(";")[0])


def queues_of(app: Any) -> list[str]:
    """What a worker of the app takes from. Broadcast queues are not for workers here, who share what they take."""
    return [name for name, queue in app.amqp.queues.consume_from.items() if not isinstance(queue, Broadcast)]


def settings_of(app: Any) -> Settings:
    """The app's settings as pyramid_scheduler's. What is said under ``scheduler.*`` names goes before."""
    conf = app.conf
    url = broker_url(app)
    said: dict[str, Any] = {
        "scheduler.combined": False,
        "scheduler.queues": tuple(queues_of(app)),
        "scheduler.broker.url": url,
        "scheduler.broker.max_body": MAX_BODY,
        "scheduler.broker.serializer": serializer_of(app),
        "scheduler.timezone": str(conf.timezone or ("UTC" if conf.enable_utc else "")),
        **{f"scheduler.broker.{key}": value for key, value in conf.broker_transport_options.items()},
    }
    counts = {
        "scheduler.worker.max_jobs": conf.worker_max_tasks_per_child,
        "scheduler.worker.max_memory": conf.worker_max_memory_per_child and f"{conf.worker_max_memory_per_child}K",
    }
    said.update({name: value for name, value in counts.items() if value})
    if url.startswith("memory"):
        said["scheduler.ledger.url"] = _ledger_of_this_process()
    given: Mapping[str, Any] = conf.get("pyramid_scheduler") or {}
    return parse_settings({**said, **{_full(key): value for key, value in given.items()}})


def serializer_of(app: Any) -> str:
    """What tasks may come in besides JSON: their own serializer, or one that ``accept_content`` names; "": none.

    Never pickle: whoever reaches the broker could run what he likes, unless it is signed.
    """
    conf = app.conf
    accepted = {_name_of_the_reader(each) for each in conf.accept_content or ()}
    others = sorted(name for name in accepted - {"", "json", "pickle"} if _can_be_read(name))
    own = _name_of_the_reader(conf.task_serializer)
    return own if own in others else next(iter(others), "")


def _name_of_the_reader(word: str) -> str:
    """Of that serializer or content type: who was registered last for the type reads it, JSON's, too. "": nobody."""
    known = serialization.registry
    return str(known.type_to_name.get(known.name_to_type.get(word, word), ""))


def _can_be_read(name: str) -> bool:
    """Kombu has names for msgpack and YAML where their packages are not installed, too."""
    try:
        serialization.loads(b"{}", serialization.registry.name_to_type[name], "binary", force=True)
    except SerializerNotInstalled:
        return False
    except Exception:  # it is none of its own, of course
        pass
    return True


def _full(key: str) -> str:
    return key if key.startswith("scheduler.") else f"scheduler.{key}"


_directories: dict[int, str] = {}


def _ledger_of_this_process() -> str:
    """A database as short-lived as the memory broker that it belongs to."""
    pid = os.getpid()
    if pid not in _directories:
        _directories[pid] = tempfile.mkdtemp(prefix="compat-ledger-")
        atexit.register(_remove, pid)
    return f"sqlite:///{_directories[pid]}/ledger.sqlite"


def _remove(pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(_directories[pid], ignore_errors=True)


def speaks_kombu(app: Any) -> bool:
    """Whether kombu's own transports reach the broker, too: databases they reach in another layout."""
    scheme = broker_url(app).partition(":")[0].partition("+")[0]
    return scheme not in ("sqlite", "postgresql", "postgres", "mysql", "mariadb", "sqla", "db")
