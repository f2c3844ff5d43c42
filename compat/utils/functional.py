"""Functions on functions and on sequences."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext as DummyContext
from functools import partial
from itertools import islice, tee, zip_longest
from typing import Any

from kombu.utils.functional import LRUCache, dictfilter, is_list, lazy, maybe_evaluate, maybe_list, memoize
from vine import promise

from .regen import regen

__all__ = [
    "DummyContext", "LRUCache", "arity_greater", "chunks", "dictfilter", "first", "firstmethod", "fun_accepts_kwargs",
    "fun_takes_argument", "head_from_fun", "is_list", "is_numeric_value", "lazy", "lookahead", "mattrgetter", "maybe",
    "maybe_evaluate", "maybe_list", "memoize", "mlazy", "noop", "padlist", "pass1", "regen", "seq_concat_item",
    "seq_concat_seq", "uniq",
]  # fmt: skip


class mlazy(lazy):
    """A call that is made once, when it is first needed."""

    evaluated = False
    _value: Any = None

    def evaluate(self) -> Any:
        if not self.evaluated:
            self._value = super().evaluate()  # type: ignore[no-untyped-call]
            self.evaluated = True
        return self._value


def noop(*args: Any, **kwargs: Any) -> None:
    """Do nothing."""


def pass1(arg: Any, *args: Any, **kwargs: Any) -> Any:
    """The first argument."""
    return arg


def evaluate_promises(it: Iterable[Any]) -> Iterator[Any]:
    """``it`` with the value of each promise."""
    return (value() if isinstance(value, promise) else value for value in it)


def first(predicate: Callable[[Any], Any] | None, it: Iterable[Any]) -> Any:
    """The first item that ``predicate`` (or: being anything but None) accepts; None where there is none."""
    accepts = predicate or (lambda value: value is not None)
    return next((value for value in evaluate_promises(it) if accepts(value)), None)


def firstmethod(method: str, on_call: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A function that calls ``method`` of each of its first argument until one returns something but None."""

    def call(it: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        for obj in it:
            bound = getattr(maybe_evaluate(obj), method, None)
            if bound is None:
                continue
            reply = on_call(bound, *args, **kwargs) if on_call else bound(*args, **kwargs)
            if reply is not None:
                return reply
        return None

    return call


def chunks(it: Iterator[Any], n: int) -> Iterator[list[Any]]:
    """Lists of ``n`` items of the *iterator* ``it``; the last may be shorter."""
    for item in it:
        yield [item, *islice(it, n - 1)]


def padlist(container: Iterable[Any], size: int, default: Any = None) -> list[Any]:
    """The first ``size`` items, filled up with ``default``."""
    items = list(container)[:size]
    return items + [default] * (size - len(items))


def mattrgetter(*attrs: str) -> Callable[[Any], dict[str, Any]]:
    """A function that returns those attributes of its argument as a dict; None for what it lacks."""
    return lambda obj: {attr: getattr(obj, attr, None) for attr in attrs}


def uniq(it: Iterable[Any]) -> Iterator[Any]:
    """Each item once, in order; none is asked for before it is wanted."""
    seen: set[Any] = set()
    for item in it:
        if item not in seen:
            seen.add(item)
            yield item


def lookahead(it: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs of each item and the next; None follows the last."""
    now, after = tee(it)
    next(after, None)
    return zip_longest(now, after)


def head_from_fun(fun: Callable[..., Any], bound: bool = False) -> Callable[..., Any]:
    """A function with ``fun``'s parameters that does nothing: calling it raises TypeError where ``fun`` would.

    It is compiled rather than checked with ``inspect`` at each call: sending a task must not pay for that.
    """
    target: Any = fun
    plain = inspect.isfunction(fun) or inspect.ismethod(fun) or type(fun).__name__ == "cython_function_or_method"
    name = str(fun.__name__) if plain else type(fun).__name__
    if not plain:
        target = target.__call__
    source = f"def {name}({_argument_text(inspect.getfullargspec(target))}): return 1"
    namespace: dict[str, Any] = {"__name__": target.__module__}
    exec(source, namespace)
    head = namespace[name]
    return partial(head, object()) if bound else head


def _argument_text(spec: inspect.FullArgSpec) -> str:
    first_optional = len(spec.args) - len(spec.defaults or ())
    parts = [name if place < first_optional else f"{name}=None" for place, name in enumerate(spec.args)]
    if spec.varargs:
        parts.append(f"*{spec.varargs}")
    elif spec.kwonlyargs:
        parts.append("*")
    parts += [f"{name}=None" if name in (spec.kwonlydefaults or ()) else name for name in spec.kwonlyargs]
    if spec.varkw:
        parts.append(f"**{spec.varkw}")
    return ", ".join(parts)


def arity_greater(fun: Callable[..., Any], n: int) -> bool:
    """Whether ``fun`` takes more than ``n`` positional arguments."""
    spec = inspect.getfullargspec(fun)
    return bool(spec.varargs) or len(spec.args) > n


def fun_takes_argument(name: str, fun: Callable[..., Any], position: int | None = None) -> bool:
    """Whether ``fun`` takes an argument of that name, or that many positional ones."""
    spec = inspect.getfullargspec(fun)
    if spec.varkw or spec.varargs:
        return True
    return len(spec.args) >= position if position else name in spec.args


def fun_accepts_kwargs(fun: Callable[..., Any]) -> bool:
    """Whether ``fun`` takes arbitrary keyword arguments."""
    code = getattr(fun, "__code__", None)
    if code is not None:
        return bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(fun).parameters.values())


def maybe(typ: Callable[[Any], Any], val: Any) -> Any:
    """``typ(val)``, or None for None."""
    return None if val is None else typ(val)


def seq_concat_item(seq: Any, item: Any) -> Any:
    """A copy of the list or tuple with ``item`` at its end."""
    return (*seq, item) if isinstance(seq, tuple) else [*seq, item]


def seq_concat_seq(a: Any, b: Any) -> Any:
    """Both, as the longer one's type (the first's, if equally long)."""
    cls = type(max([a, b], key=len))
    return (a if isinstance(a, cls) else cls(a)) + (b if isinstance(b, cls) else cls(b))


def is_numeric_value(value: Any) -> bool:
    """Whether it is an int or float, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
