"""Pydantic models as arguments and results of tasks."""

from __future__ import annotations

import functools
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from ..exceptions import ImproperlyConfigured


def pydantic_wrapper(
    app: Any,
    task_fun: Callable[..., Any],
    task_name: str,
    strict: bool = True,
    context: dict[str, Any] | None = None,
    dump_kwargs: dict[str, Any] | None = None,
) -> Callable[..., Any]:
    """``task_fun`` whose annotated arguments are validated into models, and whose returned model is dumped.

    The wrapper has ``dump_arguments(args, kwargs, bound)``: models of a caller as plain values.
    """
    try:
        pydantic = importlib.import_module("pydantic")
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured("You need to install pydantic to use pydantic model serialization.") from error
    context = {**(context or {}), "celery_app": app, "celery_task_name": task_name}
    models = _Models(task_fun, pydantic.BaseModel, strict, context, {"mode": "json", **(dump_kwargs or {})})

    @functools.wraps(task_fun)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        bound = models.signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            model = models.of(name, value)
            if model is not None:
                bound.arguments[name] = models.validate(model, value)
        return models.dump_result(task_fun(*bound.args, **bound.kwargs))

    wrapper.dump_arguments = models.dump_arguments  # type: ignore[attr-defined]
    return wrapper


class _Models:
    def __init__(
        self,
        fun: Callable[..., Any],
        base: Any,
        strict: bool,
        context: dict[str, Any],
        dump_kwargs: dict[str, Any],
    ) -> None:
        self.signature = inspect.signature(fun)
        self.base = base
        self.strict = strict
        self.context = context
        self.dump_kwargs = dump_kwargs
        try:
            self.hints = typing.get_type_hints(fun)
        except (NameError, AttributeError, TypeError):  # names that exist for type checkers only
            self.hints = {}

    def of(self, name: str, value: Any) -> Any:
        """The model that the argument ``name`` is annotated with, or None."""
        annotation = self.hints.get(name, self.signature.parameters[name].annotation)
        inner = _inside_optional(annotation)
        if inner is not None and value is not None:
            annotation = inner
        return annotation if _is_class(annotation) and issubclass(annotation, self.base) else None

    def validate(self, model: Any, value: Any) -> Any:
        return model.model_validate(value, strict=self.strict, context=self.context)

    def dump_result(self, value: Any) -> Any:
        """The model as plain values, where the function says that it returns that model."""
        annotation = self.hints.get("return", self.signature.return_annotation)
        annotation = _inside_optional(annotation) or annotation
        declared = _is_class(annotation) and isinstance(value, self.base) and isinstance(value, annotation)
        return value.model_dump(**self.dump_kwargs) if declared else value

    def dump_arguments(self, args: Any, kwargs: Any, bound: bool = False) -> tuple[Any, Any]:
        """The arguments with those models dumped that the worker would rebuild equal; others stay as they are."""
        given, named = (() if args is None else args), ({} if kwargs is None else kwargs)
        if not isinstance(given, (list, tuple)) or not isinstance(named, Mapping):
            return args, kwargs
        if not any(isinstance(value, self.base) for value in (*given, *named.values())):
            return args, kwargs
        if not self._fits(given, named, bound):
            return args, kwargs
        by_place, by_name = self._names(bound)
        dumped = [self._dump(by_place[i] if i < len(by_place) else None, v) for i, v in enumerate(given)]
        dumped_named = {key: self._dump(key if key in by_name else None, value) for key, value in named.items()}
        return (dumped if isinstance(given, list) else tuple(dumped)), dumped_named

    def _fits(self, args: Any, kwargs: Any, bound: bool) -> bool:
        try:
            self.signature.bind(*([None] if bound else ()), *args, **kwargs)
        except TypeError:
            return False
        return True

    def _names(self, bound: bool) -> tuple[list[str], set[str]]:
        kinds = inspect.Parameter
        parameters = self.signature.parameters.values()
        by_place = [p.name for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
        by_name = {p.name for p in parameters if p.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)}
        return by_place[1:] if bound else by_place, by_name

    def _dump(self, name: str | None, value: Any) -> Any:
        # A model with kombu's __json__ hook knows how it wants to travel.
        if name is None or not isinstance(value, self.base) or hasattr(type(value), "__json__"):
            return value
        model = self.of(name, value)
        if model is None:
            return value
        try:
            dumped = value.model_dump(**self.dump_kwargs)
            return dumped if self.validate(model, dumped) == value else value
        except Exception:  # the model's own code, which may be meant for workers only
            return value


def _is_class(annotation: Any) -> bool:
    return isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias)


def _inside_optional(annotation: Any) -> Any:
    """``X`` of ``Optional[X]`` or ``X | None``, else None."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return None
    parts = [part for part in typing.get_args(annotation) if part is not type(None)]
    return parts[0] if len(parts) == 1 and len(typing.get_args(annotation)) == 2 else None
