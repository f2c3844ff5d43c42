"""How a task hands its place to another signature."""

from __future__ import annotations

from typing import Any

from ..exceptions import ImproperlyConfigured
from ..utils.functional import maybe_list


def replace(task: Any, sig: Any) -> Any:
    """What ``Task.replace`` does: the signature takes over id, links, chain tail, group and chord."""
    request = task.request
    sig = _linkable(task, sig)
    for callback in maybe_list(request.callbacks) or []:
        sig.link(callback)
    for errback in maybe_list(request.errbacks) or []:
        sig.link_error(errback)
    _move_links_to_the_end(sig)
    sig.freeze(request.id)
    nesting = request.get("replaced_task_nesting", 0) + 1
    sig.set(
        chord=request.chord,
        group_id=request.group,
        group_index=request.group_index,
        root_id=request.root_id,
        replaced_task_nesting=nesting,
    )
    if _is_chain(sig):
        for step in maybe_list(sig.tasks) or []:
            step.set(replaced_task_nesting=nesting)
    return task.on_replace(_with_chain(task, sig, nesting))


def _is_chain(sig: Any) -> bool:
    from ..canvas import _chain

    return isinstance(sig, _chain)


def _linkable(task: Any, sig: Any) -> Any:
    """``sig`` with a last task that callbacks can hang on: groups get one that gathers their results."""
    from ..canvas import group

    if "chord" in sig.options:
        raise ImproperlyConfigured("A signature replacing a task must not be part of a chord")
    if _is_chain(sig) and not getattr(sig, "tasks", True):
        raise ImproperlyConfigured("Cannot replace with an empty chain")
    gather = task.app.tasks["celery.accumulate"]
    if isinstance(sig, group):
        sig |= gather.s(index=0)
    if _is_chain(sig) and isinstance(sig.tasks[-1], group):
        sig.tasks = list(sig.tasks)
        sig.tasks[-1] |= gather.s(index=0)
    return sig


def _move_links_to_the_end(sig: Any) -> None:
    """The chain may grow by the replaced task's own tail: its callbacks belong to its last task of now."""
    if _is_chain(sig) and "link" in sig.options:
        links = sig.tasks[-1].options.setdefault("link", [])
        links.extend(maybe_list(sig.options.pop("link")))


def _with_chain(task: Any, sig: Any, nesting: int) -> Any:
    from ..canvas import signature

    for step in reversed(task.request.chain or []):
        following = signature(step, app=task.app)
        following.set(replaced_task_nesting=nesting)
        sig |= following
    return sig


def add_to_chord(task: Any, sig: Any, lazy: bool) -> Any:
    """What ``Task.add_to_chord`` does."""
    request = task.request
    if not request.chord:
        raise ValueError("Current task is not member of any chord")
    sig.set(group_id=request.group, group_index=request.group_index, chord=request.chord, root_id=request.root_id)
    task.backend.add_to_chord(request.group, sig.freeze())
    return sig if lazy else sig.delay()
