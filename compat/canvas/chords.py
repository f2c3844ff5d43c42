"""A task that waits for a group: it gets the list of their results."""

from __future__ import annotations

import warnings
from collections.abc import MutableSequence
from functools import cached_property
from itertools import islice
from types import GeneratorType
from typing import Any

from pyramid_scheduler.api import new_id

from .._state import current_app
from ..exceptions import CPendingDeprecationWarning
from ..result import allow_join_result
from ..utils import abstract
from ..utils.functional import maybe_list, regen
from ..utils.objects import getitem_property
from ..utils.regen import _regen
from ..utils.text import remove_repeating_from_task
from .chain_steps import strip_chord_header_links
from .chord_links import add_body_callbacks, app_of
from .group_counting import count
from .kinds import is_chain, is_group, kind, maybe_unroll_group
from .signature import Signature, maybe_signature, signature

_DELAYS = ("countdown", "eta")


@Signature.register_type(name="chord")
class _chord(Signature):
    """``chord(header)(body)``, ``chord(header, body)`` or ``group | body``."""

    tasks = getitem_property("kwargs.header", "The header's tasks.")
    body = getitem_property("kwargs.body", "The body.")

    @classmethod
    def from_dict(cls, d: Any, app: Any = None) -> Any:
        kwargs = dict(d["kwargs"])
        header, body = kwargs.pop("header", None), kwargs.pop("body", None)
        return cls(header, body, app=app, **{**d, "kwargs": kwargs})

    def __init__(
        self,
        header: Any,
        body: Any = None,
        task: str = "celery.chord",
        args: Any = None,
        kwargs: Any = None,
        app: Any = None,
        **options: Any,
    ) -> None:
        parts = {"header": _header(header, app), "body": maybe_signature(body, app=app)}
        super().__init__(task, args or (), {**(kwargs or {"kwargs": {}}), **parts}, app=app, **options)
        self.subtask_type = "chord"

    def __call__(self, body: Any = None, **options: Any) -> Any:
        return self.apply_async((), {"body": body} if body else {}, **options)

    def __or__(self, other: Any) -> Any:
        if is_group(other) and len(other.tasks) == 1:
            other = maybe_unroll_group(other)
        elif is_group(other) or is_chain(other) or not isinstance(other, Signature):
            return super().__or__(other)
        grown = self.clone()
        grown.body = grown.body | other
        return grown

    # Sending

    def apply_async(  # type: ignore[override]
        self,
        args: Any = None,
        kwargs: Any = None,
        task_id: str | None = None,
        producer: Any = None,
        publisher: Any = None,
        connection: Any = None,
        router: Any = None,
        result_cls: Any = None,
        **options: Any,
    ) -> Any:
        """Send the header; returns the body's result, whose ``parent`` is the header's."""
        args = (*args, *self.args) if args and not self.immutable else self.args
        kwargs = dict(kwargs or {})
        body = kwargs.pop("body", None) or self.kwargs["body"]
        kwargs = {**self.kwargs["kwargs"], **kwargs}
        # A delay is the header's; the body's callbacks are added to those it has.
        delays = {key: options.pop(key) for key in _DELAYS if options.get(key) is not None}
        callbacks = {key: options.pop(key) for key in ("link", "link_error") if key in options}
        body = body.clone(**_body_options(options))
        app = self._get_app(body)
        if app.conf.task_always_eager:
            body = add_body_callbacks(body, {**self.options, **callbacks})  # type: ignore[dict-item]
            with allow_join_result():
                return self.apply(args, kwargs, body=body, task_id=task_id, **options)
        merged = {**self.options, **options, **callbacks}
        own_id = merged.pop("task_id", None)
        run = {key: value for key, value in merged.items() if key not in _DELAYS}
        if delays:
            run["header_delay"] = delays
        return self.run(self._group(app), body, args, task_id=task_id or own_id, kwargs=kwargs, **run)

    def _group(self, app: Any) -> Any:
        """The header as a group of its own: sending it settles ids in place."""
        tasks = self.tasks
        if is_group(tasks):
            return tasks.clone()
        if isinstance(tasks, MutableSequence) and not isinstance(tasks, _regen):
            tasks = tasks[:]
        return kind("group")(tasks, app=app, task_id=self.options.get("task_id") or new_id())

    def apply(
        self, args: Any = None, kwargs: Any = None, propagate: bool = True, body: Any = None, **options: Any
    ) -> Any:
        body = self.body if body is None else body
        tasks = self.tasks.clone() if is_group(self.tasks) else kind("group")(self.tasks, app=self.app)
        with allow_join_result():  # of results that are there: nothing blocks
            results = tasks.apply(args or (), kwargs or {}).get(propagate=propagate)
        return body.apply(args=(results,))

    def run(
        self,
        header: Any,
        body: Any,
        partial_args: Any,
        app: Any = None,
        interval: float | None = None,
        countdown: float = 1,
        max_retries: int | None = None,
        eager: bool = False,
        task_id: str | None = None,
        kwargs: Any = None,
        header_delay: Any = None,
        **options: Any,
    ) -> Any:
        """Send the header's tasks; ``countdown``, ``interval``, ``max_retries`` are for backends that must poll."""
        app = app or self._get_app(body)
        group_id = header.options.get("task_id") or new_id()
        root_id = body.options.get("root_id")
        options = {**self.options, **options}
        delays = {key: options.pop(key) for key in _DELAYS if options.get(key) is not None} | dict(header_delay or {})
        options = {key: value for key, value in options.items() if key not in _DELAYS}
        if options:
            options.pop("task_id", None)
            body = add_body_callbacks(body, options)
            options = {key: value for key, value in options.items() if key not in ("link", "link_error")}
            body.options.update(_body_options(options))
        body_result = self._freeze_body(body, app, task_id or new_id(), group_id, root_id)
        header.options["task_id"] = group_id
        frozen = header._freeze_group_tasks(group_id=group_id, chord=body, root_id=root_id)
        if not header.tasks:
            body.delay([])
            body_result.parent = app.GroupResult(*frozen)
            return body_result
        app.backend.apply_chord(frozen, body, interval=interval, countdown=countdown, max_retries=max_retries)
        # What follows the chord, and the chord around it, wait for the body only.
        passed = {key: value for key, value in options.items() if key not in ("chain", "chord", "task_id")}
        body_result.parent = header.apply_async(partial_args, kwargs, task_id=group_id, **{**passed, **delays})
        return body_result

    @staticmethod
    def _freeze_body(body: Any, app: Any, task_id: str, group_id: str, root_id: str | None) -> Any:
        if is_chain(body):
            body._unroll_chords(app)
        result = body.freeze(task_id, group_id=group_id, root_id=root_id)
        strip_chord_header_links(body)
        return result

    def freeze(
        self,
        _id: str | None = None,
        group_id: str | None = None,
        chord: Any = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_index: int | None = None,
    ) -> Any:
        if not is_group(self.tasks):
            self.tasks = kind("group")(self.tasks, app=self.app)
        header_result = self.tasks.freeze(parent_id=parent_id, root_id=root_id, chord=self.body)
        self.id = self.tasks.id
        if self.body is None:
            return None
        body_result = self.body.freeze(_id, root_id=root_id, chord=chord, group_id=group_id, group_index=group_index)
        _hang(body_result, header_result)
        return body_result

    _descend = staticmethod(count)

    def __length_hint__(self) -> int:
        return sum(count(task) for task in getattr(self.tasks, "tasks", self.tasks))

    def clone(self, *args: Any, **kwargs: Any) -> Any:
        copied = super().clone(*args, **kwargs)
        if "body" in copied.kwargs:
            copied.kwargs["body"] = maybe_signature(copied.kwargs["body"], clone=True)
        return copied

    # As one of several signatures

    def stamp(self, visitor: Any = None, append_stamps: bool = False, **headers: Any) -> Any:
        tasks = self.tasks.tasks if is_group(self.tasks) else self.tasks
        said = None if visitor is None else visitor.on_chord_header_start(self, **headers) or {}
        headers = self._stamp_headers(said, append_stamps, **headers)
        self.stamp_links(visitor, append_stamps, **headers)
        self._stamp_all(tasks, visitor, append_stamps, headers)
        if visitor is None:
            return
        visitor.on_chord_header_end(self, **headers)
        if self.body is not None:
            said = visitor.on_chord_body(self, **headers) or {}
            self.body.stamp(visitor, append_stamps, **self._stamp_headers(said, append_stamps, **headers))

    def link(self, callback: Any) -> Any:
        """Link to the body."""
        self.body.link(callback)
        return callback

    def link_error(self, errback: Any) -> Any:
        """Link to the body, and with ``task_allow_error_cb_on_chord_header`` to each task of the header."""
        errback = maybe_signature(errback)
        on_header = self.app.conf.task_allow_error_cb_on_chord_header
        if not on_header:
            warnings.warn(
                "errbacks of a chord are called for its body only: with task_allow_error_cb_on_chord_header=True "
                "they are linked to the tasks of its header, too, which will be the default one day.",
                CPendingDeprecationWarning,
                stacklevel=2,
            )
        for task in maybe_list(self.tasks) or []:
            if on_header:
                task.link_error(errback.clone(immutable=True))
            if isinstance(task, _chord):
                task.link_error(errback)
        self.body.link_error(errback)
        return errback

    def set_immutable(self, immutable: bool) -> None:
        for task in self.tasks:
            task.set_immutable(immutable)

    def __repr__(self) -> str:
        if not self.body:
            return f"<chord without body: {self.tasks!r}>"
        if not is_chain(self.body):
            return "%" + remove_repeating_from_task(self.body["task"], self.body.reprcall(self.tasks))
        first, *rest = self.body.tasks
        text = f"%({first.reprcall(self.tasks)} | {kind('chain')(rest, app=self._app)!r})"
        return remove_repeating_from_task(first["task"], text)

    @cached_property
    def app(self) -> Any:
        return self._get_app(self.body)

    def _get_app(self, body: Any = None) -> Any:
        if self._app is not None:
            return self._app
        tasks = getattr(self.tasks, "tasks", self.tasks)
        # Of a generator Celery makes the first two here, too, and no more.
        candidates = [*islice(tasks, 2), *([body] if body is not None else [])]
        return next((app for app in map(app_of, candidates) if app is not None), current_app)


chord = _chord


def _header(tasks: Any, app: Any) -> Any:
    if isinstance(tasks, dict):
        tasks = signature(tasks, app=app)
    if is_group(tasks) or is_chain(tasks):
        return tasks.tasks
    if isinstance(tasks, abstract.CallableSignature):
        return [tasks]
    if isinstance(tasks, GeneratorType):
        return regen(signature(task, app=app) for task in tasks)
    return [signature(task, app=app) for task in tasks]


def _body_options(options: dict[str, Any]) -> dict[str, Any]:
    """The body's parent is the header's task that completes it."""
    return {key: value for key, value in options.items() if key != "parent_id"}


def _hang(result: Any, parent: Any) -> None:
    """Make ``parent`` the parent of the first of the results that lead to ``result``."""
    seen = set()
    while result.id not in seen:
        seen.add(result.id)
        if result.parent is None:
            result.parent = parent
            return
        result = result.parent
    raise RuntimeError("Recursive result parents")
