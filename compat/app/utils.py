"""What Celery keeps here: settings, finding an app by name, the report for bugs, pickled apps."""

from __future__ import annotations

import platform
from types import ModuleType
from typing import Any

from ..utils.imports import import_from_cwd, qualname
from ..utils.imports import symbol_by_name as _symbol_by_name
from .censoring import filter_hidden_settings, sanitize_url
from .conf import PendingConfiguration, Settings, _new_key_to_old, _old_key_to_new, detect_settings

__all__ = (
    "AppPickler",
    "PendingConfiguration",
    "Settings",
    "_new_key_to_old",
    "_old_key_to_new",
    "appstr",
    "bugreport",
    "detect_settings",
    "filter_hidden_settings",
    "find_app",
    "sanitize_url",
)


def appstr(app: Any) -> str:
    """The app in texts for people."""
    return f"{app.main or '__main__'} at {id(app):#x}"


def bugreport(app: Any) -> str:
    """Versions, platform and settings (without secrets), as text."""
    import kombu

    from .. import VERSION_BANNER

    transport, driver = _transport(app)
    architecture = ", ".join(part for part in platform.architecture() if part)
    return f"""
software -> celery:{VERSION_BANNER} kombu:{kombu.__version__} py:{platform.python_version()}
            {driver}
platform -> system:{platform.system()} arch:{architecture}
            kernel version:{platform.release()} imp:{platform.python_implementation()}
loader   -> {qualname(app.loader.__class__)}
settings -> transport:{transport} results:{sanitize_url(app.conf.result_backend or "disabled")}

{app.conf.humanize()}
"""


def _transport(app: Any) -> tuple[Any, str]:
    try:
        connection = app.connection()
        transport = connection.transport
        return connection.transport_cls, f"{transport.driver_name}:{transport.driver_version()}"
    except Exception:  # a report must come about without a broker, too
        return "", ""


def find_app(app: str, symbol_by_name: Any = _symbol_by_name, imp: Any = import_from_cwd) -> Any:
    """The app called ``app``: ``module:attr``, or a module's ``app``, ``celery``, submodule ``celery``, or only app.

    Raises AttributeError or ImportError.
    """
    try:
        found = symbol_by_name(app, imp=imp)
    except AttributeError:
        found = imp(app)  # the last part is a module, no attribute
    if not isinstance(found, ModuleType) or ":" in app:
        return found
    return _app_in(found, app, symbol_by_name, imp)


def _app_in(module: ModuleType, name: str, symbol_by_name: Any, imp: Any) -> Any:
    from .base import Celery

    for attribute in ("app", "celery"):
        candidate = getattr(module, attribute, None)
        if candidate is not None and not isinstance(candidate, ModuleType):
            return candidate
    if getattr(module, "__path__", None):
        try:
            return find_app(f"{name}.celery", symbol_by_name, imp)
        except ImportError:
            pass
    for candidate in vars(module).values():
        if isinstance(candidate, Celery):
            return candidate
    raise AttributeError(f"module {name!r} has no app: neither 'app' nor 'celery', nor any instance of Celery")


class AppPickler:
    """Makes an app again from what ``__reduce_args__`` says."""

    def __call__(self, cls: type, *args: Any) -> Any:
        kwargs = self.build_kwargs(*args)
        app = self.construct(cls, **kwargs)
        self.prepare(app, **kwargs)
        return app

    def prepare(self, app: Any, **kwargs: Any) -> None:
        app.conf.update(kwargs["changes"])

    def build_kwargs(self, *args: Any) -> dict[str, Any]:
        names = (
            "main",
            "changes",
            "loader",
            "backend",
            "amqp",
            "events",
            "log",
            "control",
            "accept_magic_kwargs",
            "config_source",
            "config_source_silent",
        )
        kwargs = dict(zip(names, args, strict=False))
        kwargs.pop("accept_magic_kwargs", None)
        return {**kwargs, "set_as_current": False}

    build_standard_kwargs = build_kwargs

    def construct(self, cls: type, **kwargs: Any) -> Any:
        return cls(**kwargs)


def _unpickle_app(cls: type, pickler: type[AppPickler], *args: Any) -> Any:
    return pickler()(cls, *args)


def _unpickle_app_v2(cls: type, kwargs: dict[str, Any]) -> Any:
    return cls(**{**kwargs, "set_as_current": False})
