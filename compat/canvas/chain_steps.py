"""Getting the steps of a chain ready to be sent: flat, with ids, and each result linked to its parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..utils import abstract
from ..utils.functional import maybe_list
from .kinds import is_chain, is_chord, is_empty_group, is_group, kind, maybe_unroll_group
from .signature import Signature

#: Options of a chain that are not its first task's.
_OPTIONS_OF_THE_CHAIN = frozenset(
    {"chord", "group_id", "group_index", "link", "link_error", "parent_id", "root_id", "task_id"}
)


class Preparation:
    """One preparation. ``steps`` and ``results`` are in reverse: a worker takes the next step from the end."""

    def __init__(
        self, app: Any, root_id: str | None, link_error: Any, use_link: bool, last: dict[str, Any], clone: bool
    ) -> None:
        self.app = app
        self.root_id = root_id
        self.errbacks = maybe_list(link_error) or []
        self.use_link = use_link
        self.last = last
        self.clone = clone
        self.steps: list[Any] = []
        self.results: list[Any] = []
        self._following: Any = None  # the result whose parent is the step to come

    def prepare(self, tasks: Iterable[Any], args: Any, kwargs: Any) -> None:
        flat = list(self._flat(tasks))
        flat = [task for task in flat if not is_empty_group(task)] or flat[:1]
        for position, task in reversed(list(enumerate(flat))):
            self._add(self._with_arguments(task, args, kwargs) if position == 0 else self._copy(task))
        if self.clone:
            for step in self.steps:
                strip_chord_header_links(step)

    def _flat(self, tasks: Iterable[Any]) -> Iterator[Any]:
        for task in tasks:
            step = self._unrolled(self._signature(task))
            if is_chain(step):
                yield from self._flat(step.tasks)
            elif self.clone and is_chord(step) and is_led_by_task(step.body):
                # Frozen steps stay as they are written: their ids are settled in place.
                yield from self._flat(unroll_body(step))
            else:
                yield step

    def _signature(self, task: Any) -> Any:
        return task if isinstance(task, abstract.CallableSignature) else Signature.from_dict(task, app=self.app)

    def _unrolled(self, task: Any) -> Any:
        while is_group(task):
            only = maybe_unroll_group(task)
            if only is task:
                break
            task = self._signature(only)
        return task

    def _copy(self, task: Any) -> Any:
        return task.clone() if self.clone else task

    def _with_arguments(self, task: Any, args: Any, kwargs: Any) -> Any:
        if self.clone:
            return task.clone(args, kwargs)
        task.args = (*args, *task.args)
        return task

    def _add(self, task: Any) -> None:
        is_last = not self.results
        if is_group(task) and self.steps:
            task = self._with_body(task)
        result = task.freeze(root_id=self.root_id, **(self.last if is_last else {}))
        if self.steps:
            self._connect(task, result)
        for errback in self.errbacks:
            self._link_error(task, errback)
        self.steps.append(task)
        self.results.append(result)
        self._following = result
        if is_chord(task):
            self.app.backend.ensure_chords_allowed()
            self._following = _first(result)

    def _connect(self, task: Any, result: Any) -> None:
        if self.use_link:
            task.link(self.steps[-1])
        if self._following and not self._following.parent:
            self._following.parent = result

    def _link_error(self, task: Any, errback: Any) -> None:
        task.link_error(errback)
        if is_chord(task) and task.body:
            task.body.link_error(errback)

    def _with_body(self, group: Any) -> Any:
        """The chord of a group and the step that follows it."""
        body, body_result = self.steps.pop(), self.results.pop()
        options = {"task_id": self._following.task_id} if hasattr(self._following, "task_id") else {}
        upgraded = kind("chord")(group, body=body, root_id=self.root_id, app=self.app, **options)
        # What followed the body now follows the chord: two ways to the body's result would make the tree a circle.
        node = self.results[-1] if self.results else None
        while node is not None and node.parent is not body_result:
            node = node.parent
        if node is not None:
            node.parent = None
            self._following = node
        return upgraded


def _first(result: Any) -> Any:
    while result.parent:
        result = result.parent
    return result


def is_led_by_task(body: Any) -> bool:
    """Whether a chord's body is a chain whose tail need not wait inside the chord.

    After a group it must: that chain runs once, when all of the group are done.
    """
    return is_chain(body) and bool(body.tasks) and not is_group(body.tasks[0])


def unroll_body(chord: Any) -> list[Any]:
    """``chord(header, a | b | c)`` as ``chord(header, a), b, c``.

    Every message of the header carries the whole body: the shorter it is, the better.
    """
    copied = chord.clone()
    first, *rest = copied.body.unchain_tasks()
    options = {key: value for key, value in copied.body.options.items() if key not in _OPTIONS_OF_THE_CHAIN}
    copied.body = first.clone(**options)
    return [copied, *rest]


def unroll_chords(tasks: Iterable[Any], app: Any) -> list[Any]:
    """The steps of a chain that is a chord's body, with the bodies of its own chords unrolled."""
    steps: list[Any] = []
    for task in tasks:
        if is_chain(task):
            task = task.clone()
            task._unroll_chords(app)
        if is_chord(task) and is_led_by_task(task.body):
            steps.extend(unroll_chords(unroll_body(task), app))
        else:
            steps.append(task)
    return steps


def strip_chord_header_links(sig: Any) -> None:
    """Take the chord out of its header's messages-to-be: it is put back when the header is sent.

    A pending chord carries its body already; one more copy in each header task multiplies with the depth of nesting.
    """
    if is_chord(sig):
        clear_chord_option(sig.tasks)
        strip_chord_header_links(sig.tasks)
        if sig.body is not None:
            strip_chord_header_links(sig.body)
    elif is_group(sig) or is_chain(sig):
        for task in sig.tasks:
            strip_chord_header_links(task)


def clear_chord_option(sig: Any) -> None:
    """Remove the chord from where a canvas ends."""
    sig.options.pop("chord", None)
    if is_group(sig):
        for task in sig.tasks:
            clear_chord_option(task)
    elif is_chain(sig) and sig.tasks:
        clear_chord_option(sig.tasks[-1])
    elif is_chord(sig) and sig.body is not None:
        clear_chord_option(sig.body)
