"""Small tools for objects."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import reduce
from types import GenericAlias
from typing import Any

from kombu.utils.objects import cached_property

__all__ = ("Bunch", "FallbackContext", "cached_property", "getitem_property", "mro_lookup")


class Bunch:
    """Attributes from keywords."""

    def __init__(self, **kwargs: Any) -> None:
        self.__dict__.update(kwargs)


def mro_lookup(cls: type, attr: str, stop: Collection[type] = (), monkey_patched: Collection[str] = ()) -> type | None:
    """The class in ``cls.__mro__`` that defines ``attr``; None where one of ``stop`` comes first.

    A class of ``stop`` counts all the same if its ``attr`` comes from a module outside ``monkey_patched``.
    """
    for node in cls.__mro__:
        if attr not in node.__dict__:
            if node in (stop or ()):
                return None
            continue
        if node not in (stop or ()):
            return node
        origin = getattr(node.__dict__[attr], "__module__", None)
        return node if origin is not None and origin not in (monkey_patched or ()) else None
    return None


class FallbackContext:
    """The given context's value as it is, or, where None was given, the context that ``fallback`` makes."""

    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self, provided: Any, fallback: Callable[..., Any], *fb_args: Any, **fb_kwargs: Any) -> None:
        self.provided = provided
        self.fallback = fallback
        self.fb_args = fb_args
        self.fb_kwargs = fb_kwargs
        self._context: Any = None

    def __enter__(self) -> Any:
        if self.provided is not None:
            return self.provided
        context = self.fallback(*self.fb_args, **self.fb_kwargs)
        value = context.__enter__()
        self._context = context
        return value

    def __exit__(self, *exc_info: Any) -> Any:
        return self._context.__exit__(*exc_info) if self._context is not None else None


class getitem_property:
    """An attribute that is an item (``"key"``, or ``"path.to.key"``) of the object itself."""

    def __init__(self, keypath: str, doc: str | None = None) -> None:
        path, _, self.key = keypath.rpartition(".")
        self.path = path.split(".") if path else []
        self.__doc__ = doc

    def _holder(self, obj: Any) -> Any:
        return reduce(lambda mapping, key: mapping[key], self.path, obj)

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return owner if obj is None else self._holder(obj).get(self.key)

    def __set__(self, obj: Any, value: Any) -> None:
        self._holder(obj)[self.key] = value
