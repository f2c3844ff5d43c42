"""What a canvas looks like, in few letters."""

from __future__ import annotations

from typing import Any

from compat import chord, group
from compat.canvas import _chain


def shape(sig: Any) -> str:
    """``a > b`` for a chain, ``[a b]`` for a group, ``[a b] => c`` for a chord; tasks by their first argument."""
    if isinstance(sig, _chain):
        return "(" + " > ".join(map(shape, sig.tasks)) + ")"
    if isinstance(sig, group):
        return "[" + " ".join(map(shape, sig.tasks)) + "]"
    if isinstance(sig, chord):
        return f"{shape(group(sig.tasks))} => {shape(sig.body)}"
    return str(sig.args[0])
