"""``import celery`` answered by this package, so that a code base can be tried without an edit."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from .exceptions import ImproperlyConfigured

NAME = "celery"
HERE = __name__.partition(".")[0]


class _Alias(importlib.abc.Loader):
    """The very module of this package, under the other name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the alias's there

    def get_code(self, fullname: str) -> Any:
        """For ``python -m celery``."""
        loader: Any = self._spec.loader if self._spec else None
        return loader.get_code(self._module.__name__)


class _Finder(importlib.abc.MetaPathFinder):
    """Answers to ``name`` with the package ``home``, to the names of its modules with those in there, or to both."""

    def __init__(self, name: str, home: str, package: bool = True, modules: bool = True) -> None:
        self.name = name
        self.home = home
        self.package = package
        self.modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not self._answers_to(fullname):
            return None
        here = self.home + fullname[len(self.name) :]
        try:
            module = importlib.import_module(here)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{here}.".startswith(f"{error.name}."):
                raise
            raise ModuleNotFoundError(
                f"{fullname} has no counterpart in {HERE}: see MIGRATING.md for what is not there", name=fullname
            ) from error
        return importlib.util.spec_from_loader(fullname, _Alias(module), is_package=hasattr(module, "__path__"))

    def _answers_to(self, fullname: str) -> bool:
        if fullname == self.name:
            return self.package
        mine = self.modules and fullname.startswith(f"{self.name}.")
        return mine and sys.modules.get(self.name) is sys.modules.get(self.home)


class _Celery(_Finder):
    def find_distributions(self, context: Any) -> Iterable[Any]:
        """``importlib.metadata`` asks whoever finds modules."""
        from .distribution import find

        return find(context)


def install_as_celery() -> None:
    """Answer to ``import celery`` from now on; to be called before anything imports it.

    Where Celery is not installed, ``importlib.metadata`` knows it nevertheless; where Billiard is not, ``import
    billiard`` is answered, too. Raises RuntimeError where the real Celery is imported already. A second call does
    nothing.
    """
    present = sys.modules.get(NAME)
    if present is not None and present is not sys.modules[HERE]:
        raise RuntimeError(
            "celery is imported already: call compat.install_as_celery() first thing, before whatever imports it"
        )
    if not any(isinstance(finder, _Celery) for finder in sys.meta_path):
        here = f"{HERE}.billiard"
        # The package last, after all who might have the real one; its modules first, or they would be loaded anew.
        sys.meta_path[:0] = _Celery(NAME, HERE), _Finder("billiard", here, package=False)
        sys.meta_path.append(_Finder("billiard", here, modules=False))


def refuse_the_real_one(cls: Any) -> None:
    """Raises ImproperlyConfigured for a class made of the real Celery's, which it asks for the running task and all."""
    base = next((base for base in getattr(cls, "__mro__", ()) if base.__module__.partition(".")[0] == NAME), None)
    if base is not None:
        raise ImproperlyConfigured(
            f"{cls.__module__}.{cls.__qualname__} is made of {base.__module__}.{base.__qualname__}, of the real Celery:"
            f" call {HERE}.install_as_celery() before it is imported, first thing in the project's __init__.py"
        )
