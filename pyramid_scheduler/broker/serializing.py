"""Arguments to bytes: JSON where it carries them exactly, otherwise pickle where pickle is safe."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from kombu import serialization
from kombu.exceptions import EncodeError
from kombu.utils.json import dumps as json_dumps

from ..core.errors import InvalidMessage
from ..core.plain_json import PLAIN, write

#: What Kombu's JSON gives back as it was.
_ATOMS = frozenset({str, int, bool, type(None), datetime, date, time, Decimal, UUID, bytes})
_DEEPEST = 100

Encoded = tuple[bytes, str, str]  # body, content type, content encoding


def encode(
    value: Any, payload: tuple[Sequence[Any], Mapping[str, Any]], *, serializer: str, pickle_allowed: bool
) -> Encoded:
    """Serialise ``value`` (the whole body); ``payload`` are the user's arguments within it.

    ``serializer`` empty: JSON if that is exact for the payload, else pickle. Raises InvalidMessage where the
    arguments cannot be carried, or only by a pickle that no receiver would trust.
    """
    if not serializer:
        args, kwargs = payload
        if not kwargs and PLAIN.issuperset(map(type, args)):
            return _plain_or_typed_json(value)
        exact = all(is_exact(arg) for arg in args) and all(is_exact(arg) for arg in kwargs.values())
        serializer = "json" if exact else "pickle"
    if serializer == "json":
        return _json(value)
    if serializer == "pickle":
        return _pickle(value, pickle_allowed)
    return _other(value, serializer)


def _plain_or_typed_json(value: Any) -> Encoded:
    try:
        return write(value).encode(), "application/json", "utf-8"
    except (TypeError, ValueError, RecursionError):  # something in the embed, or a number of thousands of digits
        return _json(value)


def is_exact(value: Any, depth: int = 0) -> bool:
    """Whether typed JSON gives ``value`` back equal and of the same types. A walk over types; nothing is encoded."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if depth > _DEEPEST:
        return False
    if kind is float:
        return bool(value - value == 0)  # neither NaN nor infinite
    if kind is list:
        return all(is_exact(item, depth + 1) for item in value)
    if kind is dict:
        return _is_exact_dict(value, depth)
    return False


def _is_exact_dict(value: dict[Any, Any], depth: int) -> bool:
    if "__type__" in value:
        return False
    return all(type(key) is str and is_exact(item, depth + 1) for key, item in value.items())


def _json(value: Any) -> Encoded:
    try:
        return json_dumps(value).encode(), "application/json", "utf-8"
    except (TypeError, ValueError, RecursionError, EncodeError) as error:
        raise InvalidMessage(f"the arguments cannot be written as JSON: {error}") from error


def _pickle(value: Any, allowed: bool) -> Encoded:
    if not allowed:
        raise InvalidMessage(
            "the arguments need pickle (JSON would change them), and over a network an unsigned pickle is not safe:"
            " pass plain values (text, numbers, lists, dicts, dates), or set scheduler.secret on both sides"
        )
    try:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL), "application/x-python-serialize", "binary"
    except Exception as error:  # pickling runs foreign code, which may raise anything
        raise InvalidMessage(f"the arguments cannot be pickled: {error}; pass plain values or ids") from error


def _other(value: Any, serializer: str) -> Encoded:
    try:
        content_type, encoding, body = serialization.dumps(value, serializer=serializer)
    except Exception as error:
        raise InvalidMessage(f"the arguments cannot be serialised as {serializer}: {error}") from error
    return body.encode() if isinstance(body, str) else body, content_type, encoding
