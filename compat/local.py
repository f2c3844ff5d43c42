"""Proxies: names whose object is looked up, or made, when they are used."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import GenericAlias
from typing import Any

__all__ = ("PromiseProxy", "Proxy", "class_property", "maybe_evaluate", "try_import")

_PRIVATE = object.__setattr__


class _ClassText(str):
    """A text for the class, and the wrapped object's attribute for an instance (``__doc__``, ``__module__``)."""

    attribute: str

    def __new__(cls, text: str, attribute: str) -> _ClassText:
        self = super().__new__(cls, text)
        self.attribute = attribute
        return self

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return str(self)
        given = object.__getattribute__(instance, "_Proxy__given").get(self.attribute)
        return getattr(instance._get_current_object(), self.attribute) if given is None else given


class Proxy:
    """Stands for the object that ``local(*args, **kwargs)`` returns at each use."""

    __doc__ = _ClassText("Stands for an object that is looked up at each use.", "__doc__")
    __module__ = _ClassText(__name__, "__module__")
    __slots__ = ("__args", "__dict__", "__given", "__kwargs", "__local", "__weakref__")

    def __init__(
        self,
        local: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        name: str | None = None,
        __doc__: str | None = None,
    ) -> None:
        _PRIVATE(self, "_Proxy__local", local)
        _PRIVATE(self, "_Proxy__args", args or ())
        _PRIVATE(self, "_Proxy__kwargs", kwargs or {})
        _PRIVATE(self, "_Proxy__given", {"__name__": name, "__doc__": __doc__})

    def _get_current_object(self) -> Any:
        """The object itself; identity (``is``) means something only for that."""
        return self.__local(*self.__args, **self.__kwargs)

    @property
    def __name__(self) -> str:
        return self.__given["__name__"] or self._get_current_object().__name__  # type: ignore[no-any-return]

    @property
    def __class__(self) -> Any:  # isinstance() looks here
        return self._get_current_object().__class__

    @__class__.setter
    def __class__(self, cls: Any) -> None:
        raise AttributeError("a proxy's class is its object's")

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return self._get_current_object().__dict__

    def __repr__(self) -> str:
        try:
            obj = self._get_current_object()
        except RuntimeError:  # finalizing is not allowed yet: a repr must not insist
            return f"<{type(self).__name__} unbound>"
        return repr(obj)

    def __bool__(self) -> bool:
        try:
            return bool(self._get_current_object())
        except RuntimeError:
            return False

    def __dir__(self) -> list[str]:
        try:
            return dir(self._get_current_object())
        except RuntimeError:
            return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get_current_object(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._get_current_object(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._get_current_object(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._get_current_object()(*args, **kwargs)

    def __enter__(self) -> Any:
        return self._get_current_object().__enter__()

    def __exit__(self, *exc_info: Any) -> Any:
        return self._get_current_object().__exit__(*exc_info)

    def __reduce__(self) -> Any:
        return self._get_current_object().__reduce__()

    def __hash__(self) -> int:
        return hash(self._get_current_object())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._get_current_object())


def _forward(op: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args: op(self._get_current_object(), *args)


def _reflected(op: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: op(other, self._get_current_object())


def _method(name: str) -> Callable[..., Any]:
    return lambda self, *args: getattr(self._get_current_object(), name)(*args)


_BINARY = ("add", "sub", "mul", "floordiv", "mod", "pow", "lshift", "rshift", "and_", "xor", "or_", "truediv", "matmul")
for _name in _BINARY:
    setattr(Proxy, f"__{_name.rstrip('_')}__", _forward(getattr(operator, _name)))
    setattr(Proxy, f"__r{_name.rstrip('_')}__", _reflected(getattr(operator, _name)))
for _name in ("lt", "le", "eq", "ne", "gt", "ge", "getitem", "setitem", "delitem", "contains", "neg", "pos", "abs"):
    setattr(Proxy, f"__{_name}__", _forward(getattr(operator, _name)))
_CONVERSIONS: dict[str, Callable[..., Any]] = {
    "invert": operator.invert,
    "index": operator.index,
    "len": len,
    "int": int,
    "float": float,
}
for _name, _op in _CONVERSIONS.items():
    setattr(Proxy, f"__{_name}__", _forward(_op))
for _name in ("iadd", "isub", "imul", "ior", "iand", "ixor"):
    setattr(Proxy, f"__{_name}__", _forward(getattr(operator, _name)))
for _name in ("copy", "deepcopy", "reversed"):
    setattr(Proxy, f"__{_name}__", _method(f"__{_name}__"))
Proxy.__str__ = _forward(str)  # type: ignore[method-assign]


class PromiseProxy(Proxy):
    """A proxy whose object is made at the first use, and kept."""

    __slots__ = ("__pending__", "__thing")

    def _get_current_object(self) -> Any:
        try:
            return object.__getattribute__(self, "_PromiseProxy__thing")
        except AttributeError:
            return self.__evaluate__()

    def __then__(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``fun`` once the object is there: now, if it is."""
        if self.__evaluated__():
            return fun(*args, **kwargs)
        try:
            pending = object.__getattribute__(self, "__pending__")
        except AttributeError:
            pending = deque()
            _PRIVATE(self, "__pending__", pending)
        pending.append((fun, args, kwargs))
        return None

    def __evaluated__(self) -> bool:
        try:
            object.__getattribute__(self, "_PromiseProxy__thing")
        except AttributeError:
            return False
        return True

    def __maybe_evaluate__(self) -> Any:
        return self._get_current_object()

    def __evaluate__(self) -> Any:
        thing = Proxy._get_current_object(self)
        _PRIVATE(self, "_PromiseProxy__thing", thing)
        try:
            pending = object.__getattribute__(self, "__pending__")
        except AttributeError:
            return thing
        while pending:
            try:
                fun, args, kwargs = pending.popleft()
            except IndexError:  # another thread does the same
                break
            fun(*args, **kwargs)
        with suppress(AttributeError):
            object.__delattr__(self, "__pending__")
        return thing


def maybe_evaluate(obj: Any) -> Any:
    """The object behind a promise; anything else as it is."""
    try:
        return obj.__maybe_evaluate__()
    except AttributeError:
        return obj


class class_property:
    """A property of the class, readable (and with a setter, writable) through its instances, too."""

    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self, getter: Callable[..., Any], setter: Callable[..., Any] | None = None) -> None:
        self.__getter = _as_function(getter)
        self.__setter = _as_function(setter) if setter is not None else None
        self.__doc__ = self.__getter.__doc__

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return self.__getter(type(obj) if owner is None else owner)

    def __set__(self, obj: Any, value: Any) -> None:
        if self.__setter is None:
            raise AttributeError("this property cannot be set")
        self.__setter(type(obj), value)

    def setter(self, setter: Callable[..., Any]) -> class_property:
        return type(self)(self.__getter, setter)


def _as_function(given: Any) -> Callable[..., Any]:
    return given.__func__ if isinstance(given, classmethod) else given


def getappattr(path: str) -> Any:
    """What the current app has under a dotted ``path``: for the modules that once had functions of their own."""
    from ._state import get_current_app

    return get_current_app()._rgetattr(path)


def try_import(module: str, default: Any = None) -> Any:
    """The module of that name, or ``default`` where it is not installed."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        return default
