"""Bytes to arguments, from a stranger: size → signature → bounded decompression → decode, in this order."""

from __future__ import annotations

import bz2
import lzma
import pickle
import zlib
from collections.abc import Callable
from typing import Any

from kombu.serialization import loads as kombu_loads
from kombu.utils.json import loads as json_loads

from ..core.errors import UnreadableMessage, UntrustedMessage, words_of
from ..core.plain_json import read

JSON = "application/json"
PICKLES = ("application/x-python-serialize", "pickle")
_DECODE_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    MemoryError,
    OverflowError,
)
_INFLATERS: dict[str, Callable[[], Any]] = {
    "application/x-gzip": lambda: zlib.decompressobj(wbits=47),  # zlib and gzip alike: Kombu calls zlib "gzip"
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": lzma.LZMADecompressor,
}


def inflate(body: bytes, compression: str, limit: int) -> bytes:
    """Decompress at most ``limit`` bytes; raises UnreadableMessage for more, and for what is not compressed so."""
    make = _INFLATERS.get(compression)
    if make is None:
        raise UnreadableMessage(f"the body is compressed as {compression[:60]!r}, which is not known here")
    try:
        plain: bytes = make().decompress(body, limit + 1)
    except Exception as error:
        raise UnreadableMessage(f"the body is not {compression}: {error}") from error
    if len(plain) > limit:
        raise UnreadableMessage(f"the body grows beyond {limit} bytes when decompressed (scheduler.broker.max_body)")
    return plain


def decode(body: bytes, content_type: str, content_encoding: str, *, trusted: bool, accept: frozenset[str]) -> Any:
    """The value in ``body``; pickle only where ``trusted``, other serialisers only where ``accept`` names them.

    Raises UnreadableMessage or UntrustedMessage.
    """
    try:
        if content_type == JSON and JSON not in accept:  # the application may read it in a way of its own
            # Kombu looks into every object for types that JSON does not have.
            return json_loads(body) if b"__type__" in body else read(body.decode())
        if content_type in PICKLES:
            return _unpickle(body, trusted)
        if content_type in accept:
            return kombu_loads(body, content_type, content_encoding, accept=[content_type])
    except UntrustedMessage:
        raise
    except _DECODE_ERRORS as error:
        raise UnreadableMessage(f"the body cannot be read: {words_of(error)}"[:500]) from error
    except Exception as error:  # unpickling runs foreign code, which may raise anything
        raise UnreadableMessage(f"the arguments cannot be restored: {words_of(error)}"[:500]) from error
    raise UnreadableMessage(f"the body is of type {content_type[:60]!r}; only JSON and signed pickle are read here")


def _unpickle(body: bytes, trusted: bool) -> Any:
    if not trusted:
        raise UntrustedMessage(
            "a pickle without a valid signature is not opened: set the same scheduler.secret on both sides"
        )
    return pickle.loads(body)
