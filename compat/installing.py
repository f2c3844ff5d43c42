"""``import celery`` answered by this package, so that a code base can be tried without an edit."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

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
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != NAME and not fullname.startswith(f"{NAME}."):
            return None
        real = HERE + fullname[len(NAME) :]
        try:
            module = importlib.import_module(real)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{real}.".startswith(f"{error.name}."):
                raise
            raise ModuleNotFoundError(
                f"{fullname} has no counterpart in {HERE}: see MIGRATING.md for what is not there", name=fullname
            ) from error
        return importlib.util.spec_from_loader(fullname, _Alias(module), is_package=hasattr(module, "__path__"))


def install_as_celery() -> None:
    """Answer to ``import celery`` from now on; to be called before anything imports it.

    Raises RuntimeError where the real Celery is imported already. A second call does nothing.
    """
    present = sys.modules.get(NAME)
    if present is not None and present is not sys.modules[HERE]:
        raise RuntimeError(
            "celery is imported already: call compat.install_as_celery() first thing, before whatever imports it"
        )
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
