"""All settings by name: their types, defaults, and old names."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from ..utils.serialization import strtobool
from .settings_results import RESULTS
from .settings_running import RUNNING

DEFAULT_POOL = "prefork"
DEFAULT_ACCEPT_CONTENT = ("json",)
DEFAULT_SECURITY_DIGEST = "sha256"

searchresult = namedtuple("searchresult", ("namespace", "key", "type"))


class Option:
    """A setting's default, type and old name."""

    typemap: dict[str, Callable[[Any], Any]] = {  # noqa: RUF012
        "string": str,
        "int": int,
        "float": float,
        "any": lambda value: value,
        "bool": strtobool,
        "dict": dict,
        "tuple": tuple,
        "list": list,
        "bytes": lambda value: value.encode() if isinstance(value, str) else bytes(value),
    }

    def __init__(self, default: Any = None, type: str = "string", old: str = "", **extra: Any) -> None:
        self.default = default
        self.type = type
        self.old = old
        self.__dict__.update(extra)

    def to_python(self, value: Any) -> Any:
        """``value``, a text from a command line or an ini file, as this setting's type; raises ValueError."""
        return self.typemap[self.type](value)

    def __repr__(self) -> str:
        return f"<Option: type->{self.type} default->{self.default!r}>"


def _namespaces() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (pattern, settings) in {**RUNNING, **RESULTS}.items():
        options = {}
        for row in settings:
            old = row.old or (pattern.format(row.key) if pattern else f"{name}_{row.key}")
            options[row.key] = Option(row.default, row.type, old.upper())
        if name:
            found[name] = options
        else:
            found.update(options)
    return found


NAMESPACES = _namespaces()


def flatten(d: dict[str, Any], root: str = "") -> Iterator[tuple[str, Option]]:
    """(full name, option) of all in a tree of namespaces."""
    for key, option in d.items():
        if isinstance(option, dict):
            yield from flatten(option, f"{root}{key}_")
        else:
            yield root + key, option


_OPTIONS = dict(flatten(NAMESPACES))
_TO_OLD_KEY = {name: option.old for name, option in _OPTIONS.items()}
_TO_NEW_KEY = {option.old: name for name, option in _OPTIONS.items()}
DEFAULTS = {name: option.default for name, option in _OPTIONS.items()}
_OLD_DEFAULTS = {option.old: option.default for option in _OPTIONS.values()}
DEFAULT_PROCESS_LOG_FMT = DEFAULTS["worker_log_format"]
DEFAULT_TASK_LOG_FMT = DEFAULTS["worker_task_log_format"]
SETTING_KEYS = set(DEFAULTS)
_OLD_SETTING_KEYS = set(_TO_NEW_KEY)


@cache
def find(name: str, namespace: str = "celery") -> Any:
    """(namespace, key, option) of a setting, by its key or its full name; raises KeyError."""
    name, namespace = name.lower(), namespace.lower()
    if name in NAMESPACES.get(namespace, ()):
        return searchresult(namespace, name, NAMESPACES[namespace][name])
    for space, options in NAMESPACES.items():
        if space == name:
            return searchresult(None, space, options)
        if isinstance(options, dict) and name in options:
            return searchresult(space, name, options[name])
    return searchresult(None, name, _OPTIONS[name])
