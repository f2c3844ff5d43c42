"""Signatures: who may make a worker unpickle, or name any function.

A signature is ``v1.<mac>``: HMAC-SHA256 under a key derived from a secret of ``scheduler.secret``, over everything in
the message that is acted upon. The first secret signs, all of them verify, so that keys can be rotated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from itsdangerous import Signer

from ..core import message as wire

VERSION = "v1"
#: What is acted upon when a message runs, beside its body.
SIGNED_HEADERS = (
    "task",
    "id",
    "eta",
    "expires",
    "timelimit",
    "retries",
    "compression",
    "root_id",
    "parent_id",
    "group",
    wire.JOB,
    wire.KIND,
    wire.DUE,
    wire.TOKEN,
    wire.FINAL,
    wire.CANCELED,
    wire.RETRY,
    wire.GRACE,
    wire.CREATED,
)


class KeyRing:
    """Signs with the newest key, verifies with all. Without secrets it neither signs nor verifies anything."""

    def __init__(self, secrets: Sequence[str]) -> None:
        keys = list(reversed(secrets))  # itsdangerous signs with the last
        self._signer = (
            Signer(keys, salt="pyramid_scheduler.message", key_derivation="hmac", digest_method=_sha256)
            if keys
            else None
        )

    def __bool__(self) -> bool:
        return self._signer is not None

    def sign(self, queue: str, headers: Mapping[str, Any], content: tuple[str, str], body: bytes) -> str:
        """The signature for a message; ``content`` is its content type and encoding."""
        if self._signer is None:
            return ""
        return f"{VERSION}.{self._signer.get_signature(_canonical(queue, headers, content, body)).decode('ascii')}"

    def verifies(self, queue: str, headers: Mapping[str, Any], content: tuple[str, str], body: bytes) -> bool:
        """Whether the message carries a signature by one of our keys; compared in constant time."""
        version, _, mac = str(headers.get(wire.SIGNATURE) or "").partition(".")
        if self._signer is None or version != VERSION:
            return False
        return self._signer.verify_signature(_canonical(queue, headers, content, body), mac.encode("ascii", "replace"))


def _canonical(queue: str, headers: Mapping[str, Any], content: tuple[str, str], body: bytes) -> bytes:
    named = [headers.get(name) for name in SIGNED_HEADERS]
    return json.dumps([VERSION, queue, *content, named], separators=(",", ":"), default=str).encode() + b"\0" + body


def _sha256(data: bytes = b"") -> Any:
    import hashlib

    return hashlib.sha256(data)
