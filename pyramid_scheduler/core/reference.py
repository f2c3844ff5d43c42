"""Functions by name: ``package.module.function``, checked when a job is added and again when it runs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from .errors import InvalidJob, UnknownTask

AnyFunction = Callable[..., Any]


def name_of(func: AnyFunction | str) -> str:
    """Return the name under which ``func`` can be imported again.

    Raises InvalidJob, with the reason and the remedy, for what a worker could not import:
    lambdas, nested functions, methods, partials, functions of ``__main__`` and names that lead elsewhere.
    """
    if isinstance(func, str):
        return name_of(import_function(func))
    _refuse_what_has_no_name(func)
    name = f"{func.__module__}.{func.__qualname__}"
    try:
        found = resolve(name)
    except UnknownTask as error:
        raise InvalidJob(f"{name} cannot be imported again by a worker: {error}") from error
    if found is not func:
        raise InvalidJob(
            f"the name {name} leads to another object than the function given;"
            " a decorator without functools.wraps, or a second definition of that name, hides it"
        )
    return name


def resolve(name: str) -> AnyFunction:
    """Import the module-level function called ``name``; raise UnknownTask, saying why, if there is none."""
    module_name, _, attribute = name.rpartition(".")
    if not module_name or not attribute:
        raise UnknownTask(f"{name!r} is not a name of the form package.module.function")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UnknownTask(f"module {module_name} cannot be imported: {error}") from error
    func = getattr(module, attribute, None)
    if not callable(func):
        raise UnknownTask(f"module {module_name} has no function {attribute}; was it renamed or moved?")
    return func  # type: ignore[no-any-return]


def import_function(name: str) -> AnyFunction:
    """``resolve`` for names that people give (``pkg.mod.func`` or ``pkg.mod:func``); raises InvalidJob."""
    try:
        return resolve(name.replace(":", "."))
    except UnknownTask as error:
        raise InvalidJob(str(error)) from error


def _refuse_what_has_no_name(func: AnyFunction) -> None:
    qualname = getattr(func, "__qualname__", None)
    if not callable(func) or qualname is None:
        raise InvalidJob(f"{func!r} is not a function; define a module-level function that calls it")
    if inspect.ismethod(func):
        raise InvalidJob(f"{qualname} is a method; a worker has no {func.__self__!r}: use a module-level function")
    if "<lambda>" in qualname:
        raise InvalidJob("a lambda has no name a worker could import; use a module-level function")
    if "<locals>" in qualname:
        raise InvalidJob(f"{qualname} is nested in a function; move it to module level")
    if "." in qualname:
        raise InvalidJob(f"{qualname} belongs to a class; use a module-level function")
    if func.__module__ == "__main__":
        raise InvalidJob(f"{qualname} lives in __main__, which is another module in a worker; move it to a module")
