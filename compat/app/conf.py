"""An app's settings: read when first needed, under new, old and prefixed names."""

from __future__ import annotations

import os
from collections import UserDict
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cached_property
from typing import Any, NamedTuple, Self

from ..exceptions import ImproperlyConfigured
from ..utils.collections import AttributeDictMixin, ConfigurationView
from ..utils.text import pretty
from .censoring import filter_hidden_settings
from .defaults import _OLD_DEFAULTS, _OLD_SETTING_KEYS, _TO_NEW_KEY, _TO_OLD_KEY, DEFAULTS, SETTING_KEYS, find


class PendingConfiguration(UserDict[str, Any], AttributeDictMixin):
    """Settings before any was read: changes are collected, the first reading calls ``callback`` for the real ones."""

    callback: Any = None
    _data: Any = None

    def __init__(self, conf: dict[str, Any], callback: Callable[[], Any]) -> None:
        object.__setattr__(self, "_data", conf)
        object.__setattr__(self, "callback", callback)

    def __setitem__(self, key: str, value: Any) -> None:
        self._data[key] = value

    def clear(self) -> None:
        self._data.clear()

    def update(self, *args: Any, **kwargs: Any) -> None:
        self._data.update(*args, **kwargs)

    def setdefault(self, *args: Any, **kwargs: Any) -> Any:
        return self._data.setdefault(*args, **kwargs)

    def __contains__(self, key: Any) -> bool:
        return key in self._data

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return repr(self.data)

    @cached_property
    def data(self) -> Any:  # type: ignore[override]
        return self.callback()


def _from_environment(variable: str) -> str | None:
    return os.environ.get(variable) or None


class Settings(ConfigurationView):
    """What ``app.conf`` is. ``CELERY_BROKER_URL`` and its like in the environment win over everything."""

    def __init__(self, *args: Any, deprecated_settings: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deprecated_settings = deprecated_settings

    def copy(self) -> Self:
        self.finalize()
        copied = super().copy()
        if "deprecated_settings" in self.changes:
            copied.changes["deprecated_settings"] = self.changes["deprecated_settings"]
        else:
            copied.changes.pop("deprecated_settings", None)
        return copied

    __copy__ = copy

    @property
    def broker_url(self) -> Any:
        return _from_environment("CELERY_BROKER_URL") or self.first("broker_url", "broker_host")

    @property
    def broker_read_url(self) -> Any:
        return _from_environment("CELERY_BROKER_READ_URL") or self.get("broker_read_url") or self.broker_url

    @property
    def broker_write_url(self) -> Any:
        return _from_environment("CELERY_BROKER_WRITE_URL") or self.get("broker_write_url") or self.broker_url

    @property
    def result_backend(self) -> Any:
        return _from_environment("CELERY_RESULT_BACKEND") or self.first("result_backend", "CELERY_RESULT_BACKEND")

    @property
    def task_default_exchange(self) -> Any:
        return self.first("task_default_exchange", "task_default_queue")

    @property
    def task_default_routing_key(self) -> Any:
        return self.first("task_default_routing_key", "task_default_queue")

    @property
    def timezone(self) -> Any:
        return self.first("timezone", "TIME_ZONE")

    def without_defaults(self) -> Settings:
        """Only what was configured."""
        return Settings({}, self.maps[:-1])

    def value_set_for(self, key: str) -> bool:
        """Whether ``key`` was configured, under any of its names."""
        self.finalize()
        return key in Settings({}, self.maps[:-1], self._keys, self.prefix)

    def find_option(self, name: str, namespace: str = "") -> Any:
        """(namespace, key, option); raises KeyError."""
        return find(name, namespace)

    def find_value_for_key(self, name: str, namespace: str = "celery") -> Any:
        """The value of a setting named without its namespace."""
        return self.get_by_parts(*self.find_option(name, namespace)[:-1])

    def get_by_parts(self, *parts: str | None) -> Any:
        """The value of the setting whose name is these parts."""
        return self["_".join(part for part in parts if part)]

    def finalize(self) -> Settings:
        """Read the configuration, if that has not been done."""
        self.get("__bogus__")
        return self

    def table(self, with_defaults: bool = False, censored: bool = True) -> dict[str, Any]:
        """All that was configured; secrets masked, if ``censored``."""
        self.finalize()
        settings = self if with_defaults else self.without_defaults()
        shown = {k: v for k, v in settings.items() if not k.startswith("_") and k not in dir(dict)}
        return filter_hidden_settings(shown) if censored else shown

    def humanize(self, with_defaults: bool = False, censored: bool = True) -> str:
        lines = self.table(with_defaults, censored).items()
        return "\n".join(f"{key}: {pretty(value, width=50)}" for key, value in lines)

    def maybe_warn_deprecated_settings(self) -> bool:
        """Warn of each old name in use."""
        from ..utils.deprecated import warn

        for name in self.deprecated_settings or ():
            warn(f"The {name!r} setting", removal="6.0.0", alternative=f"Use {_TO_NEW_KEY[name]} instead")
        return bool(self.deprecated_settings)


def _new_key_to_old(key: str) -> str:
    return _TO_OLD_KEY.get(key, key)


def _old_key_to_new(key: str) -> str:
    return _TO_NEW_KEY.get(key, key)


KEY_CONVERTERS = (_old_key_to_new, _new_key_to_old)


class _Style(NamedTuple):
    """A generation of names: the defaults under them, the way into it, and what it is called."""

    defaults: Mapping[str, Any]
    convert: Mapping[str, str]
    name: str


_NEW = _Style(DEFAULTS, _TO_NEW_KEY, "new")
_OLD = _Style(_OLD_DEFAULTS, _TO_OLD_KEY, "old")


def detect_settings(
    conf: Any,
    preconf: dict[str, Any] | None = None,
    ignore_keys: Any = None,
    prefix: str | None = None,
    all_keys: Any = None,
    old_keys: Any = None,
) -> Settings:
    """Settings from what the loader read (``conf``) and what was set directly (``preconf``).

    Raises ImproperlyConfigured where old and new names are mixed, unless the same setting is given under both.
    """
    preconf = preconf or {}
    source, conf = (preconf, {}) if conf is None else (conf, conf)
    have = set(source.keys()) - set(ignore_keys or ())
    new, old = have & set(all_keys or SETTING_KEYS), have & set(old_keys or _OLD_SETTING_KEYS)
    style = _NEW if prefix or len(new) > len(old) or not old or (new and len(new) == len(old)) else _OLD
    strangers = set() if prefix else (old if style is _NEW else new)
    _refuse_mixture(style, {key for key in strangers if style.convert[key] not in have})
    return Settings(
        {style.convert.get(key, key): value for key, value in preconf.items()},
        [conf, deepcopy(dict(style.defaults))],
        KEY_CONVERTERS,
        deprecated_settings=old,
        prefix=prefix,
    )


def _refuse_mixture(style: _Style, strangers: set[str]) -> None:
    if strangers:
        renames = "\n".join(f"{key:<36} -> {style.convert[key]}" for key in sorted(strangers))
        raise ImproperlyConfigured(
            f"old and new names of settings cannot be mixed; most here are {style.name}, so rename:\n\n{renames}\n"
        )
