"""The settings: one table, parsed once at the border."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from .duration import parse_duration
from .errors import InvalidSetting

PREFIX = "scheduler."
#: Keys under this go on to the broker's transport as they are.
BROKER_PREFIX = "broker."


def _text(value: Any) -> str:
    return str(value).strip()


def _words(value: Any) -> tuple[str, ...]:
    return tuple(value.split()) if isinstance(value, str) else tuple(value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "yes", "on", "1", "t", "y"):
        return True
    if word in ("false", "no", "off", "0", "f", "n", ""):
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def _duration_or_none(value: Any) -> float | None:
    return None if value is None or str(value).strip().lower() in ("", "none") else parse_duration(value)


def _grace(value: Any) -> float | None:
    seconds = _duration_or_none(value)
    if seconds == 0:
        raise ValueError("every run is a little late, and none would run; write none for however late")
    return seconds


def _count(value: Any) -> int:
    number = int(value)
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number


_SIZE_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}


def _size(value: Any) -> int:
    text = str(value).strip().lower().removesuffix("b")
    return int(float(text[:-1]) * _SIZE_UNITS[text[-1]]) if text[-1:] in _SIZE_UNITS else int(text or 0)


def _queue_type(value: Any) -> str:
    name = str(value).strip().lower()
    if name not in ("", "classic", "quorum"):
        raise ValueError("it is classic or quorum")
    return name


def _reference(value: Any) -> Any:
    return value or None


class Setting(NamedTuple):
    """One row of the table."""

    key: str
    attribute: str
    parse: Callable[[Any], Any]
    default: Any
    doc: str


TABLE: tuple[Setting, ...] = (
    Setting("combined", "combined", _flag, True, "Run jobs in the web process too. With `false` it only produces."),
    Setting("queues", "queues", _words, ("default",), "The queues, separated by spaces; the first is the default."),
    Setting("id", "id", _text, "", "Name of this installation in logs and worker names; default: the host's name."),
    Setting("broker.url", "broker_url", _text, "", "Where jobs wait: a Kombu URL or a database URL. Default: `sqlite:///pyramid_scheduler.sqlite` in the working directory."),
    Setting("broker.serializer", "serializer", _text, "", "`json`, `pickle` or another Kombu serializer; default: JSON where it is exact, else signed pickle."),
    Setting("broker.compressor", "compressor", _text, "", "`gzip`, `bzip2`, `zlib`, …: compress message bodies."),
    Setting("broker.queue_type", "queue_type", _queue_type, "", "RabbitMQ only: declare queues as `quorum` or `classic`; default: what the server makes of them."),
    Setting("broker.max_body", "max_body_bytes", _size, 4 * 1024**2, "Largest message body accepted, after decompression, too (`4M`)."),
    Setting("ledger.url", "ledger_url", _text, "", "Database of schedules, history and cancellations. Default: the broker's database if it is one, else a SQLite file."),
    Setting("misfire_grace_time", "misfire_grace_seconds", _grace, None, "How late a timed job may start; `none`: however late, it runs."),
    Setting("housekeeping", "housekeeping_seconds", _duration_or_none, 3600.0, "How often housekeeping runs (`1h`, `1d12h`), first within a minute of the start; `none`: never."),
    Setting("housekeeping.append", "housekeeping_append", _reference, None, "Dotted name of a callable run after each housekeeping."),
    Setting("history", "history_seconds", parse_duration, 86400.0, "How long outcomes are kept (`24h`). Failed messages: 30 times as long; those that cannot be read: until they are retried."),
    Setting("delegator", "delegator", _reference, None, "Dotted name of `delegator(func, args, kwargs)`; if it returns true, it ran the job."),
    Setting("secret", "secrets", _words, (), "Keys that sign messages, separated by spaces; the first signs, all verify. See SECURITY.md."),
    Setting("allow", "allow", _words, (), "Packages whose own functions an unsigned message may name, separated by spaces; default: the application's root package."),
    Setting("timezone", "timezone", _text, "", "IANA zone of cron schedules and naive dates; default: that of the machine where the job is added."),
    Setting("worker.processes", "worker_processes", _count, 2, "Worker processes of `pscheduler`."),
    Setting("worker.threads", "worker_threads", _count, 4, "Threads that run jobs in each worker process."),
    Setting("worker.max_jobs", "worker_max_jobs", _count, 0, "Replace a worker process after so many jobs; 0: never. Not in combined mode."),
    Setting("worker.max_memory", "worker_max_memory_bytes", _size, 0, "Replace a worker process that has grown beyond this (`512M`); 0: never. Not in combined mode."),
    Setting("worker.soft_time_limit", "soft_time_limit_seconds", _duration_or_none, None, "Default soft limit: SoftTimeLimitExceeded is raised in the job."),
    Setting("worker.time_limit", "time_limit_seconds", _duration_or_none, None, "Default hard limit: the job's process is killed; in combined mode TimeLimitExceeded is raised in the job."),
    Setting("worker.poison_limit", "poison_limit", _count, 3, "Park a message that has killed its worker this often."),
    Setting("shutdown_timeout", "shutdown_timeout_seconds", parse_duration, 30.0, "How long running jobs may take to finish after SIGTERM."),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """All settings, typed. ``broker_options`` is what else lies under ``scheduler.broker.``."""

    combined: bool = True
    queues: tuple[str, ...] = ("default",)
    id: str = ""
    broker_url: str = ""
    serializer: str = ""
    compressor: str = ""
    queue_type: str = ""
    max_body_bytes: int = 4 * 1024**2
    ledger_url: str = ""
    misfire_grace_seconds: float | None = None
    housekeeping_seconds: float | None = 3600.0
    housekeeping_append: Any = None
    history_seconds: float = 86400.0
    delegator: Any = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    allow: tuple[str, ...] = ()
    timezone: str = ""
    worker_processes: int = 2
    worker_threads: int = 4
    worker_max_jobs: int = 0
    worker_max_memory_bytes: int = 0
    soft_time_limit_seconds: float | None = None
    time_limit_seconds: float | None = None
    poison_limit: int = 3
    shutdown_timeout_seconds: float = 30.0
    broker_options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_settings(given: Mapping[str, Any]) -> Settings:
    """Read the ``scheduler.*`` keys of ``given`` (an application's settings); other keys are not ours.

    Raises InvalidSetting for a value that cannot be read, and for an unknown key, with the nearest known one.
    """
    rows = {row.key: row for row in TABLE}
    values: dict[str, Any] = {}
    broker_options: dict[str, Any] = {}
    for key, value in given.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX)
        if name in rows:
            values[rows[name].attribute] = _read(rows[name], value)
        elif name.startswith(BROKER_PREFIX):
            broker_options[name.removeprefix(BROKER_PREFIX)] = value
        else:
            raise _unknown(name, rows)
    return _checked(Settings(broker_options=broker_options, **values))


def _read(row: Setting, value: Any) -> Any:
    try:
        return row.parse(value)
    except (ValueError, TypeError) as error:
        raise InvalidSetting(f"{PREFIX}{row.key} = {value!r}: {error}") from error


def _unknown(name: str, rows: Mapping[str, Setting]) -> InvalidSetting:
    if name.startswith("jobstore."):
        return InvalidSetting(
            f"{PREFIX}{name}: timed jobs are kept in the ledger (scheduler.ledger.url), where any number of timekeepers"
            " may share them; APScheduler's job stores cannot be shared and are not used: remove the setting"
        )
    near = difflib.get_close_matches(name, rows, n=1, cutoff=0.5)
    hint = f"; did you mean {PREFIX}{near[0]}?" if near else "; see docs/settings.md for all of them"
    return InvalidSetting(f"there is no setting {PREFIX}{name}{hint}")


def _checked(settings: Settings) -> Settings:
    if not settings.queues:
        raise InvalidSetting("scheduler.queues is empty: name at least one queue")
    if settings.worker_threads < 1 or settings.worker_processes < 1:
        raise InvalidSetting("scheduler.worker.processes and scheduler.worker.threads must be at least 1")
    return settings


def assert_table_matches_settings() -> None:
    """The table and the dataclass say the same; a test calls this."""
    known = {f.name: f.default for f in fields(Settings)}
    for row in TABLE:
        assert known[row.attribute] == row.default, row.key
