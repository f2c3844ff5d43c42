"""Exceptions that can travel, and plain forms of other values."""

from __future__ import annotations

import datetime
import numbers
import pickle
import sys
from base64 import b64decode as _decode
from base64 import b64encode as _encode
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from typing import Any, NoReturn

from kombu.abstract import Object as KombuObject
from kombu.utils.encoding import bytes_to_str, safe_repr, str_to_bytes

unwanted_base_classes = (Exception, BaseException, object)
STRTOBOOL_DEFAULT_TABLE = {
    "false": False,
    "no": False,
    "0": False,
    "off": False,
    "true": True,
    "yes": True,
    "1": True,
    "on": True,
}
#: Where results say an exception's class lives, and where it lives here.
MODULES_HERE = {"celery.exceptions": "compat.exceptions", "billiard.exceptions": "compat.exceptions"}
_BILLIARD = {"SoftTimeLimitExceeded", "TimeLimitExceeded", "WorkerLostError", "Terminated"}


def wire_name(cls: type) -> tuple[str, str]:
    """The module and name under which a Celery reader finds the exception class ``cls``."""
    name, module = cls.__name__, cls.__module__
    if name in _BILLIARD and module.split(".")[0] in ("compat", "pyramid_scheduler"):
        return "billiard.exceptions", name
    return ("celery.exceptions" if module == "compat.exceptions" else module), name


def module_here(module: str | None) -> str | None:
    """The module to look in for a class that a result names."""
    return MODULES_HERE.get(module or "", module)


def subclass_exception(name: str, parent: type[BaseException], module: str) -> type[BaseException]:
    """A new exception class of that name, said to live in ``module``."""
    return type(name, (parent,), {"__module__": module})


def create_exception_cls(name: str, module: str, parent: type[BaseException] | None = None) -> type[BaseException]:
    """A stand-in for an exception class that cannot be imported here."""
    return subclass_exception(name, parent or Exception, module)


def itermro(cls: type, stop: Iterable[type]) -> Iterator[type]:
    """The classes of ``cls.__mro__`` before the first of ``stop``."""
    return takewhile(lambda sup: sup not in stop, cls.__mro__)


def find_pickleable_exception(
    exc: BaseException, loads: Callable[..., Any] = pickle.loads, dumps: Callable[..., Any] = pickle.dumps
) -> Any:
    """The exception as an instance of its nearest class that survives pickling, or None."""
    for cls in itermro(type(exc), unwanted_base_classes):
        try:
            candidate = cls(*getattr(exc, "args", ()))
            loads(dumps(candidate))
        except Exception:
            continue
        return candidate
    return None


def ensure_serializable(items: Iterable[Any], encoder: Callable[[Any], Any]) -> tuple[Any, ...]:
    """``items``, with the repr of each that ``encoder`` refuses."""
    return tuple(item if _encodes(item, encoder) else safe_repr(item) for item in items)


def _encodes(item: Any, encoder: Callable[[Any], Any]) -> bool:
    try:
        encoder(item)
    except Exception:
        return False
    return True


def _round_trip(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


class UnpickleableExceptionWrapper(Exception):
    """Carries an exception that cannot be pickled: its class's name and its arguments."""

    def __init__(self, exc_module: str, exc_cls_name: str, exc_args: Iterable[Any], text: str | None = None) -> None:
        self.exc_module = exc_module
        self.exc_cls_name = exc_cls_name
        self.exc_args = ensure_serializable(exc_args, _round_trip)
        self.text = text
        super().__init__(exc_module, exc_cls_name, self.exc_args, text)

    def restore(self) -> BaseException:
        """An exception of a class of the same name."""
        return create_exception_cls(self.exc_cls_name, self.exc_module)(*self.exc_args)

    def __str__(self) -> str:
        return str(self.text)

    @classmethod
    def from_exception(cls, exc: BaseException) -> UnpickleableExceptionWrapper:
        wrapper = cls(type(exc).__module__, type(exc).__name__, getattr(exc, "args", ()), safe_repr(exc))
        return wrapper.with_traceback(getattr(exc, "__traceback__", None))


def get_pickleable_exception(exc: Any) -> Any:
    """``exc`` where it survives pickling, else the nearest that does."""
    if _encodes(exc, _round_trip):
        return exc
    return find_pickleable_exception(exc) or UnpickleableExceptionWrapper.from_exception(exc)


def get_pickleable_etype(
    cls: type, loads: Callable[..., Any] = pickle.loads, dumps: Callable[..., Any] = pickle.dumps
) -> type:
    """``cls`` where it survives pickling, else Exception."""
    return cls if _encodes(cls, lambda value: loads(dumps(value))) else Exception


def get_pickled_exception(exc: Any) -> Any:
    """The reverse of ``get_pickleable_exception``."""
    return exc.restore() if isinstance(exc, UnpickleableExceptionWrapper) else exc


def b64encode(s: Any) -> str:
    return bytes_to_str(_encode(str_to_bytes(s)))  # type: ignore[no-any-return]


def b64decode(s: Any) -> bytes:
    return _decode(str_to_bytes(s))


def strtobool(term: Any, table: dict[str, bool] | None = None) -> Any:
    """True or False for the usual words; other than texts as they are; raises TypeError for other words."""
    if not isinstance(term, str):
        return term
    try:
        return (STRTOBOOL_DEFAULT_TABLE if table is None else table)[term.lower()]
    except KeyError:
        raise TypeError(f"Cannot coerce {term!r} to type bool") from None


def _moment(value: Any) -> str:
    """ISO with milliseconds, and Z for UTC: how JavaScript writes dates."""
    text: str = value.isoformat()
    if getattr(value, "microsecond", 0):
        point = text.index(".")
        text = text[: point + 4] + text[point + 7 :] if isinstance(value, datetime.datetime) else text[: point + 4]
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def jsonify(
    obj: Any,
    builtin_types: tuple[Any, ...] = (numbers.Real, str),
    key: Any = None,
    keyfilter: Callable[[Any], Any] | None = None,
    unknown_type_filter: Callable[[Any], Any] | None = None,
) -> Any:
    """``obj`` in JSON's own types; raises ValueError for what has no such form."""

    def again(value: Any, key: Any = key) -> Any:
        return jsonify(value, builtin_types, key, keyfilter, unknown_type_filter)

    if isinstance(obj, KombuObject):
        obj = obj.as_dict(recurse=True)
    if obj is None or isinstance(obj, builtin_types):
        return obj
    if isinstance(obj, (tuple, list)):
        return [again(value) for value in obj]
    if isinstance(obj, dict):
        return {k: again(v, k) for k, v in obj.items() if keyfilter is None or keyfilter(k)}
    if isinstance(obj, (datetime.date, datetime.time)):
        return _moment(obj)
    if isinstance(obj, datetime.timedelta):
        return str(obj)
    if unknown_type_filter is None:
        raise ValueError(f"{type(obj)!r} has no JSON form: {obj!r} (under {key})")
    return unknown_type_filter(obj)


def raise_with_context(exc: BaseException) -> NoReturn:
    """Raise ``exc`` from the exception being handled; re-raise where it is that one."""
    current = sys.exc_info()[1]
    if current is exc:
        raise
    raise exc from current
