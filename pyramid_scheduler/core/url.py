"""URLs as people may see them."""

from __future__ import annotations

import re

#: Up to the last @: too much is hidden rather than half of a password that has one.
_PASSWORD = re.compile(r"^((?:[^:/]+://)?+[^:/?#]*):.*@")
_NAMED = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)
#: Of one host after the other, as Kombu has them.
_NEXT = re.compile(r";(?=[\w.+-]+://)")


def display(url: str) -> str:
    """Without its passwords, wherever they are."""
    return ";".join(_NAMED.sub(r"\1**", _PASSWORD.sub(r"\1:**@", one)) for one in _NEXT.split(url))
