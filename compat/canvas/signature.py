"""A call that can be described, changed, composed and sent later."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cached_property
from functools import partial as _partial
from typing import Any, ClassVar, Self

from kombu.utils.functional import reprcall

from pyramid_scheduler.api import new_id

from .._state import current_app
from ..utils import abstract
from ..utils.functional import maybe_list
from ..utils.objects import getitem_property
from .links import Links
from .stamping import Stamped


@abstract.CallableSignature.register
class Signature(Stamped, Links, dict[str, Any]):
    """A task's name, arguments and options: a dict, so that it can travel.

    Arguments given later are put before those of the signature, keywords and options override; an immutable signature
    takes options only.
    """

    TYPES: ClassVar[dict[str, Any]] = {}
    _app: Any = None
    _type: Any = None
    #: What a group has set stays: other tasks wait for it.
    _IMMUTABLE_OPTIONS: ClassVar[frozenset[str]] = frozenset({"group_id", "stamped_headers"})

    @classmethod
    def register_type(cls, name: str | None = None) -> Callable[[Any], Any]:
        """Decorate a subclass, so that ``from_dict`` finds it by its ``subtask_type``."""

        def register(subclass: Any) -> Any:
            cls.TYPES[name or subclass.__name__] = subclass
            return subclass

        return register

    @classmethod
    def from_dict(cls, d: Any, app: Any = None) -> Any:
        """The signature of the right kind for a dict, such as JSON leaves behind."""
        target = cls.TYPES[d["subtask_type"]] if d.get("subtask_type") else cls
        return Signature(d, app=app) if target is cls else target.from_dict(d, app=app)

    def __init__(
        self,
        task: Any = None,
        args: Any = None,
        kwargs: Any = None,
        options: Any = None,
        type: Any = None,
        subtask_type: str | None = None,
        immutable: bool = False,
        app: Any = None,
        **ex: Any,
    ) -> None:
        self._app = app
        if isinstance(task, dict):
            super().__init__(task)
            return
        name = getattr(task, "name", None)
        if name is not None:
            self._type = task
        super().__init__(
            task=task if name is None else name,
            args=tuple(args or ()),
            kwargs=kwargs or {},
            options=dict(options or {}, **ex),
            subtask_type=subtask_type,
            immutable=immutable,
        )

    # Calling

    def __call__(self, *partial_args: Any, **partial_kwargs: Any) -> Any:
        """Call the task here and now, as a function."""
        args, kwargs, _ = self._merge(partial_args, partial_kwargs, None)
        return self.type(*args, **kwargs)

    def delay(self, *partial_args: Any, **partial_kwargs: Any) -> Any:
        """``apply_async`` with plain arguments."""
        return self.apply_async(partial_args, partial_kwargs)

    def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Run it here; returns an EagerResult."""
        args, kwargs, options = self._merge(args, kwargs, _without_none(options))
        return self.type.apply(args, kwargs, **options)

    def apply_async(self, args: Any = None, kwargs: Any = None, route_name: str | None = None, **options: Any) -> Any:
        """Send it; returns an AsyncResult. Options that are None count as not given."""
        args, kwargs, options = self._merge(args, kwargs, _without_none(options))
        return self._apply_async(args, kwargs, **options)

    def _merge(self, args: Any = None, kwargs: Any = None, options: Any = None, force: bool = False) -> Any:
        """(args, kwargs, options) with the given ones; ``force``: also where the signature is immutable."""
        merged = self.options if options is None else self._merged_options(options)
        if self.immutable and not force:
            return self.args, self.kwargs, merged
        return (
            (*args, *self.args) if args else self.args,
            {**self.kwargs, **kwargs} if kwargs else self.kwargs,
            merged,
        )

    def _merged_options(self, options: Any) -> dict[str, Any]:
        own = self.options
        fixed = self._IMMUTABLE_OPTIONS.union(own.get("stamped_headers") or ())
        return {**own, **{key: value for key, value in options.items() if not (key in fixed and key in own)}}

    def clone(self, args: Any = None, kwargs: Any = None, **opts: Any) -> Any:
        """A copy that takes these arguments and options; what is within the arguments is shared with this one."""
        if args or kwargs or opts:
            args, kwargs, options = self._merge(args, kwargs, opts)
        else:
            args, kwargs, options = self.args, self.kwargs, self.options
        copied = Signature.from_dict(
            {
                "task": self.task,
                "args": tuple(args),
                "kwargs": dict(kwargs),
                # Links hang on the options: those of the copy must not reach the original.
                "options": deepcopy(options),
                "subtask_type": self.subtask_type,
                "immutable": self.immutable,
            },
            app=self._app,
        )
        copied._type = self._type
        return copied

    partial = clone

    def freeze(
        self,
        _id: str | None = None,
        group_id: str | None = None,
        chord: Any = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_index: int | None = None,
    ) -> Any:
        """Settle the id (``_id``, or a new one, unless it has one) and return the result to come."""
        options = self.options
        task_id = options.setdefault("task_id", _id or new_id())
        if "reply_to" not in options:
            options["reply_to"] = self.app.thread_oid
        if group_id:
            options.setdefault("group_id", group_id)
        given = {"root_id": root_id, "parent_id": parent_id, "chord": chord}
        options.update({key: value for key, value in given.items() if value})
        if group_index is not None:
            options["group_index"] = group_index
        return self.AsyncResult(task_id)

    _freeze = freeze

    def replace(self, args: Any = None, kwargs: Any = None, options: Any = None) -> Any:
        """A copy with other args, kwargs or options; None leaves them."""
        copied = self.clone()
        for name, value in (("args", args), ("kwargs", kwargs), ("options", options)):
            if value is not None:
                copied[name] = value
        return copied

    def set(self, immutable: bool | None = None, **options: Any) -> Self:
        """Set options; returns the signature itself."""
        if immutable is not None:
            self.set_immutable(immutable)
        self.options.update(options)
        return self

    def set_immutable(self, immutable: bool) -> None:
        self.immutable = immutable

    # Composing

    def __or__(self, other: Any) -> Any:
        if not isinstance(other, Signature):
            return NotImplemented
        return self.TYPES["chain"].of(self, other)

    def __ior__(self, other: Any) -> Any:
        return self.__or__(other)

    def __invert__(self) -> Any:
        return self.apply_async().get()

    def flatten_links(self) -> list[Any]:
        """This signature, its callbacks, and theirs."""
        links = maybe_list(self.options.get("link")) or []
        return [self, *itertools.chain.from_iterable(link.flatten_links() for link in links)]

    def election(self) -> Any:
        raise NotImplementedError("elections among workers are not supported: a queue's job runs once anyway")

    # As a value

    def reprcall(self, *args: Any, **kwargs: Any) -> Any:
        """``add(2, 2)``: as a call, with further arguments."""
        args, kwargs, _ = self._merge(args, kwargs, {}, force=True)
        return reprcall(self["task"], args, kwargs)

    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        # Preparing a canvas changes options; arguments may be generators, which cannot be copied.
        copied = memo[id(self)] = dict(self)
        copied["options"] = deepcopy(self.options, memo)
        return copied

    def __reduce__(self) -> Any:
        return signature, (dict(self),)

    def __json__(self) -> dict[str, Any]:
        return dict(self)

    def __repr__(self) -> str:
        return self.reprcall()  # type: ignore[no-any-return]

    def items(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        for key, value in super().items():
            yield key.decode() if isinstance(key, bytes) else key, value

    @property
    def name(self) -> Any:
        return self.task

    @cached_property
    def type(self) -> Any:
        return self._type or self.app.tasks[self["task"]]

    @cached_property
    def app(self) -> Any:
        return self._app or current_app

    @cached_property
    def AsyncResult(self) -> Any:
        try:
            return self.type.AsyncResult
        except KeyError:  # a task of another code base
            return self.app.AsyncResult

    @cached_property
    def _apply_async(self) -> Any:
        try:
            return self.type.apply_async
        except KeyError:
            return _partial(self.app.send_task, self["task"])

    id = getitem_property("options.task_id", "The id, once it is settled.")
    parent_id = getitem_property("options.parent_id", "The id of the task that calls it.")
    root_id = getitem_property("options.root_id", "The id of the first of all calls.")
    task = getitem_property("task", "The task's name.")
    args = getitem_property("args", "Positional arguments.")
    kwargs = getitem_property("kwargs", "Keyword arguments.")
    options = getitem_property("options", "Options of apply_async.")
    subtask_type = getitem_property("subtask_type", "The kind of signature.")
    immutable = getitem_property("immutable", "Whether it takes no further arguments.")


def _without_none(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def signature(varies: Any, *args: Any, **kwargs: Any) -> Any:
    """A new signature of a task (or its name), of a dict, or a copy of a signature."""
    if not isinstance(varies, dict):
        return Signature(varies, *args, **kwargs)
    if isinstance(varies, abstract.CallableSignature):
        return varies.clone()  # type: ignore[attr-defined]
    return Signature.from_dict(varies, app=kwargs.get("app"))


subtask = signature


def maybe_signature(d: Any, app: Any = None, clone: bool = False) -> Any:
    """A dict as a signature, a signature (with ``clone``, a copy) as it is, None as None; bound to ``app``."""
    if d is None:
        return None
    if isinstance(d, abstract.CallableSignature):
        d = d.clone() if clone else d  # type: ignore[attr-defined]
    elif isinstance(d, dict):
        d = signature(d, app=app)
    if app is not None:
        d._app = app
    return d


maybe_subtask = maybe_signature
