"""What becomes of a chain's last step and what is put after it."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

from .kinds import is_chain, is_chord, is_empty_group, is_group, kind, maybe_unroll_group
from .signature import Signature, maybe_signature


def replaces_last(last: Any, other: Any) -> bool:
    """Whether ``last`` and ``other`` (a chain's last step, and what follows) become one step."""
    if is_group(other):
        return is_chord(last)
    return is_group(last) or (is_chord(last) and not is_chord(other))


def join(steps: list[Any], other: Any) -> None:
    """Put ``other`` (not a chain) after ``steps``, in place.

    A group and what follows it are a chord; what follows a chord belongs to its body.
    """
    if not steps or not replaces_last(steps[-1], other):
        steps.append(other)
    elif is_group(steps[-1]):
        steps[-1] = kind("chord")(steps[-1], other, app=steps[-1]._app)
        if len(steps) > 1 and is_chord(steps[-2]):
            body = steps.pop()
            steps[-1].body = steps[-1].body | body
    else:
        steps[-1].body = steps[-1].body | other


def fold(tasks: Iterable[Any]) -> Any:
    """``a | b | c`` without copying all that is there at every ``|``.

    Not always a chain: that of a group and a task is a chord, that of a single group the group.
    """
    flat = list(_flat(tasks))
    steps: list[Any] = []
    for position, (task, is_part) in enumerate(flat):
        if is_empty_group(task):
            continue
        task = maybe_unroll_group(task) if is_group(task) else task
        if is_group(task) and not steps:
            return reduce(operator.or_, (following for following, _ in flat[position + 1 :]), task)
        if steps and replaces_last(steps[-1], task):
            # The caller's own chord must not grow.
            steps[-1] = steps[-1].clone()
        # As with ``|``: what comes last is the very object that was given.
        join(steps, task.clone() if is_part or position < len(flat) - 1 else task)
    return kind("chain")(steps)


def _flat(tasks: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
    """Each step, and whether it was one of a chain's."""
    for task in tasks:
        sig = maybe_signature(task) if type(task) is dict else task
        if not isinstance(sig, Signature):
            raise TypeError(f"a chain is made of signatures, not of {task!r}")
        if is_chain(sig):
            yield from ((step, True) for step, _ in _flat(sig.unchain_tasks()))  # type: ignore[attr-defined]
        else:
            yield sig, False
