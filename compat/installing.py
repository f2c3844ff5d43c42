"""``import celery`` answered by this package, so that a code base can be tried without an edit."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Iterable, Sequence
from itertools import takewhile
from types import ModuleType
from typing import Any

from .exceptions import ImproperlyConfigured

NAME = "celery"
HERE = __name__.partition(".")[0]


class _StandIn(ModuleType):
    """The module ``real`` by its other name, for as long as it is imported by that.

    Tools that wait for the import of a module (``ddtrace-run``, ``newrelic-admin``, wrapt's hooks) ask what was loaded
    for its name, and put what they trace with into it: that goes to ``real``.
    """

    _OWN = frozenset({"__name__", "__loader__", "__package__", "__spec__", "__path__", "__file__", "__cached__"})

    def __init__(self, name: str, real: ModuleType) -> None:
        super().__init__(name, real.__doc__)
        self.__dict__["_real"] = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_real"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._OWN:
            super().__setattr__(name, value)
        else:
            setattr(self.__dict__["_real"], name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.__dict__["_real"], name)

    def __dir__(self) -> Iterable[str]:
        return dir(self.__dict__["_real"])


class _Alias(importlib.abc.Loader):
    """The very module of this package, under the other name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, self._module)

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = self._module  # where the import system looks for what it is to return

    def get_code(self, fullname: str) -> Any:
        """For ``python -m celery``."""
        loader: Any = self._module.__spec__.loader if self._module.__spec__ else None
        return loader.get_code(self._module.__name__)


def _leads_here(spec: importlib.machinery.ModuleSpec) -> bool:
    create = getattr(spec.loader, "create_module", None)
    return create is not None and isinstance(create(spec), _StandIn)


class _Finder(importlib.abc.MetaPathFinder):
    """Answers to ``name`` with the package ``home``, to the names of its modules with those in there, or to both."""

    def __init__(self, name: str, home: str, package: bool = True, modules: bool = True) -> None:
        self.name = name
        self.home = home
        self.package = package
        self.modules = modules
        self._asked = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not self._answers_to(fullname):
            return None
        asked = vars(self._asked).setdefault(fullname, [])
        outermost = not asked
        try:
            return self._by_way_of_another(asked, fullname, path, target) or self._spec(fullname)
        finally:
            if outermost:
                asked.clear()

    def _by_way_of_another(self, asked: list[Any], *what: Any) -> importlib.machinery.ModuleSpec | None:
        """What a finder makes of our answer that waits for imports: it asks all the others, us among them, for theirs.

        Such finders want to be the first. Who was there before us would not hear of the module.
        """
        for finder in takewhile(lambda finder: finder is not importlib.machinery.PathFinder, list(sys.meta_path)):
            if finder in asked or isinstance(finder, _Finder) or not hasattr(finder, "find_spec"):
                continue
            asked.append(finder)
            found = finder.find_spec(*what)
            if found is not None and _leads_here(found):
                return found
        return None

    def _spec(self, fullname: str) -> importlib.machinery.ModuleSpec | None:
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
