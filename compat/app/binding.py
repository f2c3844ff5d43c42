"""How a task comes to belong to an app."""

from __future__ import annotations

from typing import Any

from .._state import current_app
from ..local import class_property
from ..utils.deprecated import warn
from .annotations import resolve_all as resolve_all_annotations
from .request import RequestStack

_ROUTING_ATTRIBUTES = ("queue", "exchange", "exchange_type", "routing_key", "delivery_mode", "priority")


class Bound:
    """A class that takes what it does not say from the configuration of its app, when it is first used."""

    __bound__ = False
    _app: Any = None
    _exec_options: Any = None
    request_stack: Any = None
    typing: Any
    acks_on_failure_or_timeout: Any
    from_config: Any

    @classmethod
    def bind(cls, app: Any) -> Any:
        """Take what was not said from the app's configuration."""
        was_bound, cls.__bound__ = cls.__bound__, True
        cls._app = app
        cls._exec_options = None
        if not was_bound:
            cls._warn_of_routing_attributes()
        if cls.typing is None:
            cls.typing = app.strict_typing
        for attribute, setting in cls.from_config:
            if getattr(cls, attribute, None) is None:
                setattr(cls, attribute, app.conf[setting])
        for attribute in ("acks_on_failure", "acks_on_timeout"):
            if getattr(cls, attribute) is None:
                both = cls.acks_on_failure_or_timeout
                setattr(cls, attribute, True if both is None else both)
        if not was_bound:
            cls.annotate()
            cls.request_stack = RequestStack()
        cls.on_bound(app)
        return app

    @classmethod
    def _warn_of_routing_attributes(cls) -> None:
        for attribute in _ROUTING_ATTRIBUTES:
            if attribute in cls.__dict__:
                warn(f"The {attribute!r} task attribute", removal="6.0", alternative="Use task_routes instead.")

    @classmethod
    def on_bound(cls, app: Any) -> None:
        """For subclasses: the task has been bound to ``app``."""

    @classmethod
    def _get_app(cls) -> Any:
        if cls._app is None:
            cls._app = current_app
        if not cls.__bound__:
            cls.bind(cls._app)
        return cls._app

    app = class_property(_get_app, bind)

    @classmethod
    def annotate(cls) -> None:
        """Set what ``task_annotations`` says; ``@name`` wraps a method."""
        for attributes in resolve_all_annotations(cls.app.annotations, cls):
            for name, value in attributes.items():
                if name.startswith("@"):
                    cls.add_around(name[1:], value)
                else:
                    setattr(cls, name, value)

    @classmethod
    def add_around(cls, attr: str, around: Any) -> None:
        original = getattr(cls, attr)
        original = getattr(original, "__wrapped__", None) or original
        method = around(original)
        method.__wrapped__ = original
        setattr(cls, attr, method)
