"""Text from strangers, made to fit its column. What does not fit is shortened, never refused: nothing may be lost."""

from __future__ import annotations

import hashlib

KEY_LENGTH = 190


def key(text: str, length: int = KEY_LENGTH) -> str:
    """``text`` as a key: clean, and if too long, its beginning and a digest of the whole."""
    clean = plain(text)
    if len(clean) <= length:
        return clean
    return f"{clean[: min(120, length - 33)]}~{hashlib.sha256(clean.encode()).hexdigest()[:32]}"


def plain(text: str, length: int | None = None) -> str:
    """Without NULs and lone surrogates, which PostgreSQL refuses; cut to ``length``."""
    if text.isascii() and "\0" not in text:
        return text[:length]
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")[:length]
