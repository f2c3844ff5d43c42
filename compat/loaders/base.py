"""What loaders do."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from kombu.utils import json

from .. import signals
from ..utils.collections import DictAttribute, force_mapping
from ..utils.functional import maybe_list
from ..utils.imports import NotAPackage, find_module, import_from_cwd, symbol_by_name

unconfigured = object()
_TYPED = re.compile(r"\((\w+)\)")
_JSON_TYPES = {"tuple": "json", "list": "json", "dict": "json"}


class BaseLoader:
    """Reads settings, imports task modules, and is told when workers and tasks start."""

    builtin_modules: frozenset[str] = frozenset()
    configured = False
    override_backends: Any = {}  # noqa: RUF012
    worker_initialized = False
    _conf: Any = unconfigured

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        self.task_modules: set[str] = set()

    def now(self, utc: bool = True) -> datetime:
        return datetime.now(UTC) if utc else datetime.now()

    # For subclasses

    def on_task_init(self, task_id: str, task: Any) -> None:
        """A task is about to run."""

    def on_process_cleanup(self) -> None:
        """A task has run."""

    def on_worker_init(self) -> None:
        """A worker starts."""

    def on_worker_shutdown(self) -> None:
        """A worker ends."""

    def on_worker_process_init(self) -> None:
        """A process of a worker starts."""

    # Modules

    def import_task_module(self, module: str) -> Any:
        self.task_modules.add(module)
        return self.import_from_cwd(module)

    def import_module(self, module: str, package: str | None = None) -> Any:
        return importlib.import_module(module, package=package)

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:
        return import_from_cwd(module, self.import_module if imp is None else imp, package=package)

    def import_default_modules(self) -> list[Any]:
        """Import ``imports`` and ``include``, after whoever listens to ``import_modules``; raises what they raise."""
        for _, response in signals.import_modules.send(sender=self.app):
            if isinstance(response, Exception):
                raise response
        return [self.import_task_module(module) for module in self.default_modules]

    def init_worker(self) -> None:
        if not self.worker_initialized:
            self.worker_initialized = True
            self.import_default_modules()
            self.on_worker_init()

    def shutdown_worker(self) -> None:
        self.on_worker_shutdown()

    def init_worker_process(self) -> None:
        self.on_worker_process_init()

    @cached_property
    def default_modules(self) -> tuple[str, ...]:
        conf = self.app.conf
        return (*self.builtin_modules, *maybe_list(conf.imports), *maybe_list(conf.include))

    def autodiscover_tasks(self, packages: Iterable[str], related_name: str | None = "tasks") -> None:
        found = autodiscover_tasks(packages or (), related_name)
        self.task_modules.update(module.__name__ for module in found if module)

    # Settings

    def config_from_object(self, obj: Any, silent: bool = False) -> bool:
        """Take settings from ``obj`` or the module or object of that name; returns whether there were any."""
        if isinstance(obj, str):
            try:
                obj = self._smart_import(obj, imp=self.import_from_cwd)
            except (ImportError, AttributeError):
                if silent:
                    return False
                raise
        self._conf = force_mapping(obj)
        if self._conf.get("override_backends") is not None:
            self.override_backends = self._conf["override_backends"]
        return True

    def _smart_import(self, path: str, imp: Any = None) -> Any:
        imp = self.import_module if imp is None else imp
        if ":" in path:
            return symbol_by_name(path, imp=imp)
        try:
            return imp(path)
        except ImportError:
            return symbol_by_name(path, imp=imp)

    def _import_config_module(self, name: str) -> Any:
        try:
            self.find_module(name)
        except NotAPackage as error:
            hint = f" Did you mean '{name[:-3]}'?" if name.endswith(".py") else ""
            raise NotAPackage(f"Module '{name}' doesn't exist, or is no valid name of a module.{hint}") from error
        return self.import_from_cwd(name)

    def find_module(self, module: str) -> Any:
        return find_module(module)

    def read_configuration(self, env: Any = "CELERY_CONFIG_MODULE") -> Any:
        """The settings of the module that the environment variable names."""
        name = os.environ.get(env)
        return DictAttribute(self._import_config_module(name)) if name else None

    @property
    def conf(self) -> Any:
        if self._conf is unconfigured:
            self._conf = self.read_configuration()
        return self._conf

    def cmdline_config_parser(
        self,
        args: Iterable[str],
        namespace: str = "celery",
        re_type: re.Pattern[str] = _TYPED,
        extra_types: Any = None,
        override_types: Any = None,
    ) -> dict[str, Any]:
        """Settings from ``worker.prefetch_multiplier=1`` texts; values as the setting's type, or as ``(type)value``.

        Raises ValueError, KeyError.
        """
        from ..app.defaults import NAMESPACES, Option

        casts = {**Option.typemap, **(extra_types or {"json": json.loads})}
        renamed = override_types or _JSON_TYPES
        settings = {}
        for text in args:
            name, value = text.split("=", 1)
            space, key = _setting(name.lower().replace(".", "_"), namespace.lower())
            full = f"{space}_{key}" if space else key
            cast = re_type.match(value)
            if cast:
                settings[full] = casts[renamed.get(cast[1], cast[1])](value[cast.end() :])
                continue
            try:
                settings[full] = NAMESPACES[space][key].to_python(value)
            except ValueError as error:
                raise ValueError(f"{full!r}: {error}") from error
        return settings


def _setting(name: str, namespace: str) -> tuple[str, str]:
    """(namespace, key): a leading underscore stands for the given namespace."""
    if name.startswith("_"):
        return namespace, name[1:]
    space, _, key = name.partition("_")
    return space, key


_discovering = False


def autodiscover_tasks(packages: Iterable[str], related_name: str | None = "tasks") -> list[Any]:
    """The module ``related_name`` of each package that has one."""
    global _discovering
    if _discovering:  # a task module that is being imported asks for the same again
        return []
    _discovering = True
    try:
        return [find_related_module(package, related_name) for package in packages]
    finally:
        _discovering = False


def find_related_module(package: str, related_name: str | None) -> Any:
    """The module ``package.related_name``, or None where there is none; errors inside it are raised."""
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError:
        package = package.rpartition(".")[0]  # perhaps a class: look beside it
        if not package:
            raise
    else:
        if not related_name:
            return module
    name = f"{package}.{related_name}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise
