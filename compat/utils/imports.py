"""Finding modules and symbols by name."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from kombu.utils.imports import symbol_by_name as _kombu_symbol_by_name


class NotAPackage(Exception):
    """A part of the dotted name is no package."""


def symbol_by_name(name: Any, *args: Any, **kwargs: Any) -> Any:
    """The object called ``name`` (``module:attr`` or ``module.attr``); ``celery.…`` names lead to this package."""
    if isinstance(name, str):
        for prefix in ("celery.", "celery:"):
            if name.startswith(prefix):
                name = "compat" + name[len("celery") :]
    return _kombu_symbol_by_name(name, *args, **kwargs)


def qualname(obj: Any) -> str:
    """``module.Class`` of a class, a function, or an instance's class."""
    if not hasattr(obj, "__name__") and hasattr(obj, "__class__"):
        obj = obj.__class__
    name = str(getattr(obj, "__qualname__", obj.__name__))
    return name if "." in name else f"{obj.__module__}.{name}"


def instantiate(name: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the class of that name."""
    return symbol_by_name(name)(*args, **kwargs)


@contextmanager
def cwd_in_path() -> Iterator[str | None]:
    """The working directory first on ``sys.path``, for the time being."""
    try:
        cwd = os.getcwd()
    except FileNotFoundError:
        cwd = ""
    if not cwd or cwd in sys.path:
        yield None
        return
    sys.path.insert(0, cwd)
    try:
        yield cwd
    finally:
        if cwd in sys.path:
            sys.path.remove(cwd)


def find_module(module: str, path: Any = None, imp: Callable[[str], Any] | None = None) -> Any:
    """Import ``module``; raises NotAPackage where a part of its name is a plain module."""
    imp = imp or importlib.import_module
    with cwd_in_path():
        try:
            return imp(module)
        except ImportError:
            parts = module.split(".")[:-1]
            for end in range(1, len(parts) + 1):
                _require_package(".".join(parts[:end]), imp)
            raise


def _require_package(name: str, imp: Callable[[str], Any]) -> None:
    try:
        found = imp(name)
    except ImportError:
        return  # the first error says it better
    if not hasattr(found, "__path__"):
        raise NotAPackage(name)


def import_from_cwd(module: str, imp: Callable[..., Any] | None = None, package: str | None = None) -> Any:
    """Import ``module``, from the working directory if it is there."""
    with cwd_in_path():
        return (imp or importlib.import_module)(module, package=package)


def reload_from_cwd(module: ModuleType, reloader: Callable[..., Any] | None = None) -> Any:
    with cwd_in_path():
        return (reloader or importlib.reload)(module)


def module_file(module: ModuleType) -> str:
    """The module's source file."""
    name = module.__file__ or ""
    return name[:-1] if name.endswith(".pyc") else name


def gen_task_name(app: Any, name: str, module_name: str | None) -> str:
    """``module.name``; for ``__main__`` the app's own name stands for the module, so that it is the same everywhere."""
    module_name = module_name or "__main__"
    module = sys.modules.get(module_name)
    if module is not None:
        module_name = module.__name__
    if module_name in ("__main__", "__mp_main__") and app.main:  # the latter in a worker's processes
        return f"{app.main}.{name}"
    return ".".join(part for part in (module_name, name) if part)


@cache
def load_extension_class_names(namespace: str) -> tuple[tuple[str, str], ...]:
    """(name, class path) of the installed entry points of that group."""
    return tuple((point.name, point.value) for point in entry_points(group=namespace))


def load_extension_classes(namespace: str) -> Iterator[tuple[str, Any]]:
    """(name, class) of those; one that cannot be imported is a warning."""
    for name, class_name in load_extension_class_names(namespace):
        try:
            cls = symbol_by_name(class_name)
        except (ImportError, SyntaxError) as error:
            warnings.warn(f"Cannot load {namespace} extension {class_name!r}: {error!r}", stacklevel=2)
        else:
            yield name, cls
