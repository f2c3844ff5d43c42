"""How many results a chord waits for."""

from __future__ import annotations

from typing import Any

from .kinds import is_chain, is_chord, is_group
from .signature import Signature


def count(sig: Any) -> int:
    """How many tasks of ``sig`` count towards the chord around it: those it ends with."""
    if isinstance(sig, dict) and not isinstance(sig, Signature):
        sig = Signature.from_dict(sig)
    if is_group(sig):
        return sum(count(task) for task in getattr(sig.tasks, "tasks", sig.tasks))
    if is_chain(sig):
        sizes = (count(step) for step in reversed(list(sig.tasks)))
        return next((size for size in sizes if size), 0)
    if is_chord(sig):
        return count(sig.body)
    return 1 if isinstance(sig, Signature) else len(sig)
