"""Mappings for settings, and other containers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from itertools import chain
from typing import Any, Self

from .buffers import BufferMap, Evictable, Messagebuffer
from .functional import first, uniq
from .limited_set import LimitedSet
from .text import match_case

__all__ = (
    "AttributeDict",
    "AttributeDictMixin",
    "BufferMap",
    "ChainMap",
    "ConfigurationView",
    "DictAttribute",
    "Evictable",
    "LimitedSet",
    "Messagebuffer",
    "OrderedDict",
    "force_mapping",
    "lpmerge",
)


def force_mapping(m: Any) -> Any:
    """A mapping as it is; any other object as a mapping of its attributes."""
    return m if isinstance(m, Mapping) else DictAttribute(m)


def lpmerge(L: Any, R: Mapping[Any, Any]) -> Any:
    """Put what ``R`` says, unless that is None, into ``L``, and return ``L``."""
    L.update({key: value for key, value in R.items() if value is not None})
    return L


class AttributeDictMixin:
    """Keys that can be had, and set, as attributes."""

    def __getattr__(self, k: str) -> Any:
        try:
            return self[k]  # type: ignore[index]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {k!r}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value


class AttributeDict(dict[str, Any], AttributeDictMixin):
    """A dict whose keys are attributes, too."""


class DictAttribute:
    """An object's attributes as a mapping."""

    obj: Any = None

    def __init__(self, obj: Any) -> None:
        object.__setattr__(self, "obj", obj)

    def __getattr__(self, key: str) -> Any:
        return getattr(self.obj, key)

    def __setattr__(self, key: str, value: Any) -> None:
        setattr(self.obj, key, value)

    def get(self, key: str, default: Any = None) -> Any:
        return getattr(self.obj, key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key in self:
            return self[key]
        self[key] = default
        return default

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(self.obj, key)
        except AttributeError:
            raise KeyError(key) from None

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self.obj, key, value)

    def __contains__(self, key: object) -> bool:
        return hasattr(self.obj, str(key))

    def keys(self) -> Iterator[str]:
        return iter(dir(self.obj))

    __iter__ = keys

    def items(self) -> Iterator[tuple[str, Any]]:
        return ((key, getattr(self.obj, key)) for key in dir(self.obj))

    def values(self) -> Iterator[Any]:
        return (value for _, value in self.items())

    iterkeys, iteritems, itervalues = keys, items, values


MutableMapping.register(DictAttribute)


class ChainMap(MutableMapping[Any, Any]):
    """Several mappings as one: the first that has a key says its value; changes go into the first."""

    key_t: Callable[[Any], Any] | None = None
    changes: Any = None
    defaults: Any = None
    maps: Any = None
    _observers: Any = ()

    def __init__(self, *maps: Any, **kwargs: Any) -> None:
        chained = list(maps or [{}])
        self.__dict__.update(
            key_t=kwargs.get("key_t"), maps=chained, changes=chained[0], defaults=chained[1:], _observers=[]
        )

    def add_defaults(self, d: Any) -> None:
        """Let ``d`` answer before the defaults that are there."""
        mapping = force_mapping(d)
        self.defaults.insert(0, mapping)
        self.maps.insert(1, mapping)

    def pop(self, key: Any, *default: Any) -> Any:
        """Take a change back; raises KeyError where the first mapping does not have it."""
        try:
            return self.maps[0].pop(self._key(key), *default)
        except KeyError:
            raise KeyError(f"Key not found in the first mapping: {key!r}") from None

    def __missing__(self, key: Any) -> Any:
        raise KeyError(key)

    def _key(self, key: Any) -> Any:
        return self.key_t(key) if self.key_t is not None else key

    def __getitem__(self, key: Any) -> Any:
        name = self._key(key)
        for mapping in self.maps:
            try:
                return mapping[name]
            except KeyError:
                pass
        return self.__missing__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.changes[self._key(key)] = value

    def __delitem__(self, key: Any) -> None:
        try:
            del self.changes[self._key(key)]
        except KeyError:
            raise KeyError(f"Key not found in first mapping: {key!r}") from None

    def clear(self) -> None:
        """Take all changes back."""
        self.changes.clear()

    def get(self, key: Any, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def __len__(self) -> int:
        return len(set().union(*self.maps))

    def __contains__(self, key: Any) -> bool:
        name = self._key(key)
        return any(name in mapping for mapping in self.maps)

    def __bool__(self) -> bool:
        return any(self.maps)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key in self:
            return self[key]
        self[key] = default
        return default

    def update(self, *args: Any, **kwargs: Any) -> None:
        changed = [dict(*args)] if args else []
        self.changes.update(*changed, **kwargs)
        for tell in self._observers:
            tell(*changed, **kwargs)

    def bind_to(self, callback: Callable[..., Any]) -> None:
        """Call ``callback`` with what every ``update`` is given."""
        self._observers.append(callback)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.maps))})"

    @classmethod
    def fromkeys(cls, iterable: Iterable[Any], *args: Any) -> Self:
        return cls(dict.fromkeys(iterable, *args))

    def copy(self) -> Self:
        return type(self)(self.maps[0].copy(), *self.maps[1:])

    def __copy__(self) -> Self:
        return self.copy()

    def __iter__(self) -> Iterator[Any]:
        return uniq(chain.from_iterable(mapping.keys() for mapping in reversed(self.maps)))

    def keys(self) -> Any:
        return iter(self)

    def items(self) -> Any:
        return ((key, self[key]) for key in self)

    def values(self) -> Any:
        return (self[key] for key in self)

    iterkeys, iteritems, itervalues = keys, items, values


class ConfigurationView(ChainMap, AttributeDictMixin):
    """Settings: every key under its new and old name, and, with ``prefix``, under that, too."""

    def __init__(self, changes: Any, defaults: Any = None, keys: Any = None, prefix: str | None = None) -> None:
        super().__init__(changes, *(defaults or []))
        self.__dict__.update(prefix=prefix.rstrip("_") + "_" if prefix else prefix, _keys=keys, _names={})

    def copy(self) -> Self:
        copied = type(self)(self.changes.copy(), self.defaults, self._keys, self.prefix)
        copied.__dict__.update(key_t=self.key_t, _names={})
        return copied

    def _to_keys(self, key: str) -> tuple[str, ...]:
        names: tuple[str, ...] = (key,)
        if self.prefix:
            full = key if key.startswith(self.prefix) else self.prefix + key
            names = (match_case(full, self.prefix), key)
        return names + tuple(convert(key) for convert in self._keys or ())

    def __getitem__(self, key: str) -> Any:
        names = self._names.get(key) or self._names_of(key)
        for mapping in self.maps:
            if type(mapping) is dict:  # nearly always: and a miss that raises is slow
                if mapping:
                    for name in names:
                        if name in mapping:
                            return mapping[name]
                continue
            for name in names:
                try:
                    return mapping[name]
                except KeyError:
                    pass
        try:
            return self.__missing__(key)
        except KeyError:
            if self.prefix:
                raise KeyError(f"Key not found: {self._key(key)!r} (with prefix: {names[0]!r})") from None
            raise

    def _names_of(self, key: str) -> tuple[Any, ...]:
        names = self._names[key] = tuple(dict.fromkeys(self._key(name) for name in self._to_keys(key)))
        return names

    def first(self, *keys: str) -> Any:
        """The first of these settings that is not None."""
        return first(None, (self.get(key) for key in keys))

    def __contains__(self, key: Any) -> bool:
        return any(super(ConfigurationView, self).__contains__(name) for name in self._to_keys(key))

    def swap_with(self, other: ConfigurationView) -> None:
        """Become what ``other`` is; whoever holds this object sees it."""
        names = ("changes", "defaults", "key_t", "prefix", "_keys")
        self.__dict__.update({name: other.__dict__[name] for name in names})
        self.__dict__.update(maps=[self.changes, *self.defaults], _names={})
