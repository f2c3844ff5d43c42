"""Tasks side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, MutableSequence
from typing import Any

from kombu.utils.functional import fxrange

from pyramid_scheduler.api import new_id

from .._state import current_app
from ..result import GroupResult
from ..utils import abstract
from ..utils.functional import lookahead, regen
from ..utils.objects import getitem_property
from ..utils.regen import _regen
from ..utils.text import remove_repeating_from_task
from .group_counting import count
from .kinds import is_empty_chain, is_empty_group, kind
from .signature import Signature, maybe_signature


@Signature.register_type()
class group(Signature):
    """``group(a, b)``, or a group of an iterable. Called, it sends all; the result is a GroupResult."""

    tasks = getitem_property("kwargs.tasks", "The tasks.")

    @classmethod
    def from_dict(cls, d: Any, app: Any = None) -> Any:
        # In place: whoever froze the dict's tasks must see the ids.
        given = d["kwargs"]["tasks"]
        tasks = d["kwargs"]["tasks"] = type(given)(maybe_signature(task, app=app) for task in given)
        return cls(tasks, app=app, **d["options"])

    def __init__(self, *tasks: Any, **options: Any) -> None:
        super().__init__("celery.group", (), {"tasks": _tasks(tasks)}, **options)
        self.subtask_type = "group"

    def __call__(self, *partial_args: Any, **options: Any) -> Any:
        return self.apply_async(partial_args, **options)

    def __or__(self, other: Any) -> Any:
        if isinstance(other, dict) and "task" in other:  # a signature that has been through JSON
            other = maybe_signature(other, app=self._app)
        if not isinstance(other, Signature):
            return NotImplemented
        if isinstance(other, group) and not isinstance(other.tasks, _regen) and is_empty_group(other):
            return self
        return kind("chord")(self, body=other, app=self._app)

    def skew(self, start: float = 1.0, stop: float | None = None, step: float = 1.0) -> Any:
        """Delay the tasks by ``start``, ``start + step``, … seconds."""
        for task, countdown in zip(self.tasks, fxrange(start, stop, step, repeatlast=True), strict=False):
            task.set(countdown=countdown)
        return self

    # Sending

    def apply_async(  # type: ignore[override]
        self,
        args: Any = None,
        kwargs: Any = None,
        add_to_parent: bool = True,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        **options: Any,
    ) -> Any:
        """Send all tasks; raises TypeError for callbacks, which a group as such cannot have."""
        if link is not None:
            raise TypeError("Cannot add link to group: use a chord")
        if link_error is not None:
            raise TypeError("Cannot add link to group: do that on individual tasks")
        app = self.app
        if app.conf.task_always_eager:
            return self.apply(args, kwargs, **options)
        if not self.tasks:
            return self.freeze()
        options, group_id, root_id = self._freeze_gid(options)
        prepared = self._prepared(self.tasks, [], group_id, root_id, app)
        sent = list(self._apply_tasks(prepared, producer, app, args=args or (), kwargs=kwargs, **options))
        result = app.GroupResult(group_id, sent)
        if len(result) == 1 and isinstance(result[0], GroupResult):
            # The only task is a chain that ends in a group: its results are what the caller asks for.
            result = result[0]
        parent = app.current_worker_task
        if add_to_parent and parent:
            parent.add_trail(result)
        return result

    def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        if not self.tasks:
            return self.freeze()
        options, group_id, root_id = self._freeze_gid(options)
        prepared = self._prepared(self.tasks, [], group_id, root_id, self.app, freeze=False)
        call = {"args": args or (), "kwargs": kwargs or {}, **options}
        return self.app.GroupResult(group_id, [task.apply(**call) for task, _, _ in prepared])

    def _freeze_gid(self, options: dict[str, Any]) -> tuple[dict[str, Any], str, str | None]:
        """The options of every task; the group's own ``task_id`` is their group id."""
        merged = self._merged_options(options)
        group_id = merged.pop("task_id", None) or new_id()
        return {**merged, "group_id": group_id}, group_id, merged.get("root_id")

    def _prepared(
        self, tasks: Any, partial_args: Any, group_id: str, root_id: str | None, app: Any, *, freeze: bool = True
    ) -> Iterator[tuple[Any, Any, str]]:
        """(task, result, group id) of each task, those of groups within included; the group stays as it is."""
        for index, task in enumerate(_flattened(tasks, app)):
            if partial_args and not task.immutable:
                task.args = (*partial_args, *task.args)
            result = task.freeze(group_id=group_id, root_id=root_id, group_index=index) if freeze else None
            yield task, result, group_id

    def _apply_tasks(
        self,
        tasks: Any,
        producer: Any = None,
        app: Any = None,
        p: Any = None,
        add_to_parent: Any = None,
        chord: Any = None,
        args: Any = None,
        kwargs: Any = None,
        group_index: Any = None,
        **options: Any,
    ) -> Iterator[Any]:
        """Send them one by one, yielding results. The chord's size is said *before* its last task is sent."""
        app = app or self.app
        size = 0
        with app.producer_or_acquire(producer) as acquired:
            for (task, result, group_id), following in lookahead(tasks):
                body = task.options.get("chord") if chord is None else chord
                size += count(task)
                if body is not None and following is None:
                    app.backend.set_chord_size(group_id, size)
                task.apply_async(
                    producer=acquired, add_to_parent=False, chord=body, args=args, kwargs=kwargs, **options
                )
                yield result

    # Settling ids

    def freeze(
        self,
        _id: str | None = None,
        group_id: str | None = None,
        chord: Any = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_index: int | None = None,
    ) -> Any:
        frozen = self._freeze_group_tasks(_id, group_id, chord, root_id, parent_id, group_index)
        return self.app.GroupResult(*frozen)

    _freeze = freeze

    def _freeze_group_tasks(
        self,
        _id: str | None = None,
        group_id: str | None = None,
        chord: Any = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_index: int | None = None,
    ) -> tuple[str, Any]:
        """The group's id and its results. Tasks of a generator are frozen when they are made."""
        options = self.options
        own_id = options.setdefault("task_id", new_id())
        options.update({key: value for key, value in {"group_id": group_id, "chord": chord}.items() if value})
        if group_index is not None:
            options["group_index"] = group_index
        root_id = options.setdefault("root_id", root_id)
        parent_id = options.setdefault("parent_id", parent_id)
        common = {"group_id": group_id, "chord": chord, "root_id": root_id, "parent_id": parent_id}
        if isinstance(self.tasks, _regen):
            copies = (maybe_signature(task, app=self._app).clone() for task in self.tasks)
            # Whichever is asked for first, the tasks or the results, gives both of them their ids.
            for_results, for_later = itertools.tee(_with_results(copies, common))
            self.tasks = regen(task for task, _ in for_later)
            return own_id, regen(result for _, result in for_results if result is not None)
        # Flat at once, so that the chord's own results are those of single tasks.
        tasks = list(_flattened(self.tasks, self._app))
        results = list(_frozen(tasks, common))
        if isinstance(self.tasks, MutableSequence):
            self.tasks[:] = tasks
        else:
            self.tasks = tasks
        return own_id, results

    # As one of several signatures

    def set_immutable(self, immutable: bool) -> None:
        for task in self.tasks:
            task.set_immutable(immutable)

    def link(self, sig: Any) -> Any:
        """Link to the *first* task, without arguments: no task knows the results of the others."""
        return self.tasks[0].link(sig.clone().set(immutable=True))

    def link_error(self, sig: Any) -> tuple[Any, ...]:
        """Link to every task, each of which may fail; returns what was linked."""
        errback = maybe_signature(sig)
        return tuple(task.link_error(errback.clone()) for task in self.tasks)

    def stamp(self, visitor: Any = None, append_stamps: bool = False, **headers: Any) -> Any:
        said = None if visitor is None else visitor.on_group_start(self, **headers) or {}
        headers = self._stamp_headers(said, append_stamps, **headers)
        self.stamp_links(visitor, append_stamps, **headers)
        stamped = self._stamp_all(self.tasks, visitor, append_stamps, headers)
        if isinstance(self.tasks, MutableSequence) and not isinstance(self.tasks, _regen):
            self.tasks[:] = stamped
        else:
            self.tasks = stamped
        if visitor is not None:
            visitor.on_group_end(self, **headers)

    def __repr__(self) -> str:
        if not self.tasks:
            return "group(<empty>)"
        return remove_repeating_from_task(self.tasks[0]["task"], f"group({self.tasks!r})")

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def app(self) -> Any:
        app = self._app
        if app is None:
            try:
                app = self.tasks[0].app
            except LookupError:
                pass
        return app if app is not None else current_app


def _tasks(given: tuple[Any, ...]) -> Any:
    if len(given) != 1:
        return given
    tasks = given[0].tasks if isinstance(given[0], group) else given[0]
    if isinstance(tasks, abstract.CallableSignature):
        return [tasks.clone()]  # type: ignore[attr-defined]
    return tasks if isinstance(tasks, _regen) else regen(tasks)


def _flattened(tasks: Any, app: Any) -> Iterator[Any]:
    """Copies of the tasks, those of groups within among them; chains of nothing are left out."""
    for item in tasks:
        task = maybe_signature(item, app=None if isinstance(item, Signature) else app).clone()
        if isinstance(task, group):
            yield from _flattened(task.tasks, app)
        elif not is_empty_chain(task):
            yield task


def _frozen(tasks: Any, common: dict[str, Any]) -> Iterator[Any]:
    return (result for _, result in _with_results(tasks, common) if result is not None)


def _with_results(tasks: Any, common: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    for index, task in enumerate(tasks):
        yield task, None if is_empty_chain(task) else task.freeze(group_index=index, **common)
