"""The part of an app that reads its configuration."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ..exceptions import ImproperlyConfigured
from ..loaders import get_loader_cls
from ..local import maybe_evaluate
from ..utils import abstract
from ..utils.dispatch import Signal
from ..utils.functional import first
from ..utils.log import get_logger
from ..utils.time import timezone
from .annotations import prepare as prepare_annotations
from .conf import KEY_CONVERTERS, PendingConfiguration, Settings, detect_settings

logger = get_logger("celery.app.base")


class Configuring:
    """Settings are read at the first access to ``conf``, from the last source that was named."""

    namespace: str | None
    configured: bool
    loader_cls: Any
    _conf: Any
    on_configure: Any = None
    on_after_configure: Any = None

    def _init_configuration(self, changes: Any, source: Any, silent: bool, preset: dict[str, Any]) -> None:
        self.configured = False
        self._config_source = source
        self._config_source_silent = silent
        self._pending_defaults: deque[Callable[[], Any]] = deque()
        self._pending_periodic_tasks: deque[tuple[str, Any, str | None]] = deque()
        self._preconf: dict[str, Any] = changes or {}
        given = {name: value for name, value in preset.items() if value is not None}
        self._preconf.update(given)
        self._preconf_set_by_auto = set(given)
        pending = PendingConfiguration(self._preconf, self._finalize_pending_conf)
        self._conf = Settings(pending, prefix=self.namespace, keys=KEY_CONVERTERS)

    @property
    def conf(self) -> Any:
        """The settings: attributes, items, ``get``, ``update``; under new and old names."""
        if self._conf is None:
            self._conf = self._load_config()
        return self._conf

    @conf.setter
    def conf(self, settings: Any) -> None:
        self._conf = settings

    def config_from_object(
        self, obj: Any, silent: bool = False, force: bool = False, namespace: str | None = None
    ) -> Any:
        """Take the settings from an object, a dict, or a module's or object's name, when they are needed."""
        self._config_source = obj
        self._config_source_silent = silent
        self.namespace = namespace or self.namespace
        if (force or self.configured) and self.loader.config_from_object(obj, silent=silent):
            self._conf = None
            return self.conf
        return None

    def config_from_envvar(self, variable_name: str, silent: bool = False, force: bool = False) -> Any:
        """``config_from_object`` with the module that the environment variable names; raises ImproperlyConfigured."""
        module_name = os.environ.get(variable_name)
        if module_name:
            return self.config_from_object(module_name, silent=silent, force=force)
        if silent:
            return False
        raise ImproperlyConfigured(
            f"The environment variable {variable_name!r} is not set, so the configuration could not be loaded."
            f' Set it to the name of a module: {variable_name}="proj.celeryconfig"'
        )

    def config_from_cmdline(self, argv: Any, namespace: str = "celery") -> None:
        """Take settings from ``key=value`` texts."""
        self._conf.update(self.loader.cmdline_config_parser(argv, namespace))

    def add_defaults(self, fun: Any) -> None:
        """Settings (a mapping, or a callable that returns one when they are needed) for what is not configured."""
        make = fun if callable(fun) else lambda: fun
        if self.configured:
            self._conf.add_defaults(make())
        else:
            self._pending_defaults.append(make)

    def prepare_config(self, c: Any) -> Any:
        """For subclasses: the settings before the defaults are added."""
        return c

    def setup_security(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "Celery's message signing is not supported: pyramid_scheduler signs messages where scheduler.secret is set"
        )

    def _finalize_pending_conf(self) -> Any:
        try:
            conf = self._conf = self._load_config()
        except AttributeError as error:
            # Inside an attribute's lookup an AttributeError would be taken for "no such setting".
            raise ModuleNotFoundError(*error.args) from error
        return conf

    def _load_config(self) -> Any:
        if isinstance(self.on_configure, Signal):
            self.on_configure.send(sender=self)
        elif self.on_configure is not None:
            self.on_configure()
        if self._config_source:
            self.loader.config_from_object(self._config_source, silent=self._config_source_silent)
        self.configured = True
        settings = detect_settings(
            self.prepare_config(self.loader.conf),
            self._preconf,
            ignore_keys=self._preconf_set_by_auto,
            prefix=self.namespace,
        )
        if self._conf is not None:
            self._conf.swap_with(settings)  # somebody may hold app.conf already
        else:
            self._conf = settings
        self._apply_pending()
        self.on_after_configure.send(sender=self, source=self._conf)
        return self._conf

    def _apply_pending(self) -> None:
        while self._pending_defaults:
            self._conf.add_defaults(maybe_evaluate(self._pending_defaults.popleft()()))
        while self._pending_periodic_tasks:
            self._add_periodic_task(*self._pending_periodic_tasks.popleft())

    # Periodic tasks

    def add_periodic_task(
        self, schedule: Any, sig: Any, args: Any = (), kwargs: Any = (), name: str | None = None, **opts: Any
    ) -> str:
        """Add an entry to ``beat_schedule``; returns its key: ``name``, or what the signature looks like."""
        if isinstance(sig, abstract.CallableSignature):
            sig = sig.clone(args, kwargs or {})  # type: ignore[attr-defined]
        else:
            sig = self.signature(sig.name, args, kwargs or {})  # type: ignore[attr-defined]
        key = name or repr(sig)
        options = {**sig.options, **opts}
        entry = {
            "schedule": schedule,
            "task": sig.name,
            "args": sig.args,
            "kwargs": sig.kwargs,
            "options": options,
        }
        if self.configured:
            self._add_periodic_task(key, entry, name)
        else:
            self._pending_periodic_tasks.append((key, entry, name))
        return key

    def _add_periodic_task(self, key: str, entry: Any, name: str | None = None) -> None:
        if name is None and key in self._conf.beat_schedule:
            logger.warning(
                "Periodic task key='%s' shadowed a previous unnamed periodic task;"
                " pass name= to add_periodic_task to keep both",
                key,
            )
        self._conf.beat_schedule[key] = entry

    # What follows from the settings

    def either(self, default_key: str, *defaults: Any) -> Any:
        """The first of ``defaults`` that is not None, else the setting."""
        found = first(None, defaults)
        return self.conf.get(default_key) if found is None else found

    @cached_property
    def loader(self) -> Any:
        return get_loader_cls(self.loader_cls)(app=self)

    @cached_property
    def annotations(self) -> Any:
        return prepare_annotations(self.conf.task_annotations)

    @cached_property
    def timezone(self) -> Any:
        """The zone of naive dates: the setting's, else UTC, or (without ``enable_utc``) the machine's."""
        if self.conf.timezone:
            return timezone.get_timezone(self.conf.timezone)
        return timezone.utc if self.conf.enable_utc else timezone.local

    def uses_utc_timezone(self) -> bool:
        return bool(self.timezone == timezone.utc)
