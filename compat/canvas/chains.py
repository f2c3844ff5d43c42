"""Tasks one after the other, each with the result of the one before."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

from .._state import current_app
from ..result import EagerResult, allow_join_result
from ..states import IGNORED, REJECTED
from ..utils.functional import is_list, maybe_list, regen
from ..utils.objects import getitem_property
from ..utils.text import remove_repeating_from_task
from .chain_joining import fold, join, replaces_last
from .chain_steps import Preparation, unroll_chords
from .kinds import is_chord, is_empty_group, is_group, maybe_unroll_group
from .signature import Signature, maybe_signature


@Signature.register_type(name="chain")
class _chain(Signature):
    """The chain itself; ``chain`` is how application code makes one."""

    tasks = getitem_property("kwargs.tasks", "The steps, in order.")

    @classmethod
    def from_dict(cls, d: Any, app: Any = None) -> Any:
        tasks = d["kwargs"]["tasks"]
        if tasks:
            # Whoever holds the dict sees the same list as the chain: freezing changes it.
            tasks = d["kwargs"]["tasks"] = list(tasks) if isinstance(tasks, tuple) else tasks
            tasks = [maybe_signature(task, app=app) for task in tasks]
        return cls(tasks, app=app, **d["options"])

    @classmethod
    def of(cls, first: Signature, other: Signature) -> Any:
        """The chain of two signatures; steps of ``other`` become steps of it."""
        rest = [maybe_unroll_group(other)] if is_group(other) else [other]
        return cls([first, *(rest[0].unchain_tasks() if isinstance(rest[0], _chain) else rest)], app=first._app)

    def __init__(self, *tasks: Any, **options: Any) -> None:
        given = regen(tasks[0]) if len(tasks) == 1 and is_list(tasks[0]) else tasks
        super().__init__("celery.chain", (), {"tasks": given}, **options)
        self._use_link = options.pop("use_link", None)
        self.subtask_type = "chain"
        self._frozen: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.apply_async(args, kwargs) if self.tasks else None

    def __or__(self, other: Any) -> Any:
        if not isinstance(other, Signature):
            return NotImplemented
        if is_empty_group(other):
            return self
        if isinstance(other, _chain):
            return reduce(operator.or_, other.unchain_tasks(), self)
        if is_group(other):
            unrolled = maybe_unroll_group(other)
            return self._append(unrolled) if unrolled is other else self | unrolled
        if self.tasks and replaces_last(self.tasks[-1], other):
            grown = self.clone()
            join(grown.tasks, other)
            return grown
        return self._append(other)

    def _append(self, other: Any) -> Any:
        steps = self.unchain_tasks()
        if not steps and is_group(other):
            return other
        join(steps, other)
        return type(self)(steps, app=self._app)

    def clone(self, *args: Any, **kwargs: Any) -> Any:
        copied = super().clone(*args, **kwargs)
        copied.kwargs["tasks"] = [maybe_signature(task, app=self._app, clone=True) for task in copied.kwargs["tasks"]]
        return copied

    def unchain_tasks(self) -> list[Any]:
        """Copies of the steps; the chain's callbacks hang on the last, its errbacks on every one."""
        steps = [task.clone() for task in self.tasks]
        for callback in maybe_list(self.options.get("link")) or []:
            steps[-1].link(callback)
        for errback in maybe_list(self.options.get("link_error")) or []:
            for step in steps:
                step.link_error(errback)
        return steps

    def _links(self, app: Any) -> bool:
        """Whether steps hang on each other as callbacks, as before protocol 2, not in the message's chain field."""
        return bool(app.conf.task_protocol == 1 if self._use_link is None else self._use_link)

    def _unroll_chords(self, app: Any = None) -> None:
        app = app or self.app
        # A failed header must find the whole body, where callbacks lead to the end of the chain.
        if not self._links(app):
            self.tasks = unroll_chords(self.tasks, app)

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:  # type: ignore[override]
        app = self.app
        if app.conf.task_always_eager:
            with allow_join_result():
                return self.apply(args, kwargs, **options)
        return self.run(args or (), kwargs or {}, app=app, **{**self.options, **options})

    def run(
        self,
        args: Any = None,
        kwargs: Any = None,
        group_id: str | None = None,
        chord: Any = None,
        task_id: str | None = None,
        link: Any = None,
        link_error: Any = None,
        publisher: Any = None,
        producer: Any = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        app: Any = None,
        group_index: int | None = None,
        **options: Any,
    ) -> Any:
        """Send the first step, with the others in its message; returns the last step's result, or None for no step."""
        app = app or self.app
        args = (*args, *self.args) if args and not self.immutable else self.args
        steps, results = self.prepare_steps(
            args, kwargs, self.tasks, root_id, parent_id, link_error, app, task_id, group_id, chord,
            group_index=group_index,
        )  # fmt: skip
        if not results:
            return None
        if link:
            steps[0].extend_list_option("link", link)
        first = steps.pop()
        # Options are shared by all tasks of a group: the list under "chain" must not be changed in place.
        following = None if self._links(app) else [*options.get("chain", ()), *steps]
        sent = first.apply_async(**{**options, "chain": following})
        # Frozen results of groups know nothing of the tasks' promises: a single step's own result is the one to have.
        return results[0] if steps else sent

    def freeze(
        self,
        _id: str | None = None,
        group_id: str | None = None,
        chord: Any = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_index: int | None = None,
    ) -> Any:
        _, results = self._frozen = self.prepare_steps(
            self.args, self.kwargs, self.tasks, root_id, parent_id, None, self.app, _id, group_id, chord,
            clone=False, group_index=group_index,
        )  # fmt: skip
        return results[0]

    def stamp(self, visitor: Any = None, append_stamps: bool = False, **headers: Any) -> Any:
        said = None if visitor is None else visitor.on_chain_start(self, **headers) or {}
        headers = self._stamp_headers(said, append_stamps, **headers)
        self.stamp_links(visitor, append_stamps, **headers)
        for task in self.tasks:
            task.stamp(visitor, append_stamps, **headers)
        if visitor is not None:
            visitor.on_chain_end(self, **headers)

    def prepare_steps(
        self,
        args: Any,
        kwargs: Any,
        tasks: Any,
        root_id: str | None = None,
        parent_id: str | None = None,
        link_error: Any = None,
        app: Any = None,
        last_task_id: str | None = None,
        group_id: str | None = None,
        chord_body: Any = None,
        clone: bool = True,
        from_dict: Any = None,
        group_index: int | None = None,
    ) -> tuple[list[Any], list[Any]]:
        """Settle all ids; returns the steps and their results, the last step first, as they travel."""
        app = app or self.app
        last = {"_id": last_task_id, "group_id": group_id, "chord": chord_body, "group_index": group_index}
        preparation = Preparation(app, root_id, link_error, self._links(app), last, clone)
        preparation.prepare(tasks, args, kwargs)
        results = preparation.results
        self.id = results[0].id if results else last_task_id
        return preparation.steps, results

    def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        options = {**self.options, **options}
        link = options.pop("link", None)
        full = [task for task in self.tasks if not is_empty_group(task)]
        last, given = None, (args or (), kwargs or {})
        for task in full or list(self.tasks)[:1]:
            step = task.clone()
            if link and full and task is full[-1]:
                (step.body if is_chord(step) else step).extend_list_option("link", link)
            result = step.apply((last.get(),) if last else given[0], None if last else given[1], **options)
            result.parent, last = last, result
            if isinstance(result, EagerResult) and result.state in (IGNORED, REJECTED):
                break
        return last

    @property
    def app(self) -> Any:
        app = self._app
        if app is None:
            try:
                app = self.tasks[0].app
            except (LookupError, AttributeError):  # no step, or one that is a dict still
                pass
        return app or current_app

    def __repr__(self) -> str:
        if not self.tasks:
            return f"<{type(self).__name__}@{id(self):#x}: empty>"
        return remove_repeating_from_task(self.tasks[0]["task"], " | ".join(map(repr, self.tasks)))


class chain(_chain):
    """``chain(a, b, c)`` is ``a | b | c``; one iterable of tasks will do, too.

    Called, it sends the first task; the result is that of the last, and ``parent`` leads back.
    """

    def __new__(cls, *tasks: Any, **kwargs: Any) -> Any:
        if kwargs or not tasks or (len(tasks) == 1 and not is_list(tasks[0])):
            return super().__new__(cls, *tasks, **kwargs)
        folded = fold(tasks[0] if len(tasks) == 1 else tasks)
        if cls is not chain and isinstance(folded, _chain) and not isinstance(folded, cls):
            return super().__new__(cls, folded.tasks, **kwargs)
        return folded
