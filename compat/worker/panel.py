"""The remote control commands a worker knows, the user's own among them."""

from __future__ import annotations

from collections import UserDict, namedtuple
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

controller_info_t = namedtuple(
    "controller_info_t", ("alias", "type", "visible", "default_timeout", "help", "signature", "args", "variadic")
)


def ok(value: Any) -> dict[str, Any]:
    return {"ok": value}


def nok(value: Any) -> dict[str, Any]:
    return {"error": value}


class Panel(UserDict[str, Any]):
    """Command name to function; one for all workers of the process."""

    data: dict[str, Any] = {}  # noqa: RUF012
    meta: dict[str, Any] = {}  # noqa: RUF012

    @classmethod
    def register(cls, *args: Any, **kwargs: Any) -> Any:
        """A decorator, with or without options."""
        return cls._register(**kwargs)(*args) if args else cls._register(**kwargs)

    @classmethod
    def _register(
        cls,
        name: str | None = None,
        alias: str | None = None,
        type: str = "control",
        visible: bool = True,
        default_timeout: float = 1.0,
        help: str | None = None,
        signature: str | None = None,
        args: Any = None,
        variadic: str | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def add(fun: Callable[..., Any]) -> Callable[..., Any]:
            text = help or (fun.__doc__ or "").strip().split("\n")[0]
            known = name or fun.__name__
            cls.data[known] = fun
            cls.meta[known] = controller_info_t(alias, type, visible, default_timeout, text, signature, args, variadic)
            if alias:
                cls.data[alias] = fun
            return fun

        return add


def control_command(**kwargs: Any) -> Callable[[F], F]:
    """Register a command that does something: ``@control_command(args=[("n", int)])``."""
    return Panel.register(type="control", **kwargs)  # type: ignore[no-any-return]


def inspect_command(**kwargs: Any) -> Callable[[F], F]:
    """Register a command that only answers."""
    return Panel.register(type="inspect", **kwargs)  # type: ignore[no-any-return]
