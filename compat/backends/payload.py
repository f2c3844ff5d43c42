"""Results as bytes, and exceptions as documents."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from kombu.compression import compress, decompress, encoders, get_encoder
from kombu.serialization import dumps, loads

from .. import states
from ..exceptions import ImproperlyConfigured, SecurityError
from ..result import ResultBase
from ..utils.serialization import (
    create_exception_cls,
    ensure_serializable,
    get_pickleable_exception,
    get_pickled_exception,
    module_here,
    wire_name,
)

EXCEPTION_ABLE_CODECS = frozenset({"pickle"})
#: Precedes a compressed payload: what it was compressed with follows, up to a NUL. No serializer begins with a NUL.
COMPRESSED_PAYLOAD_MAGIC = b"\x00celery-compressed\x00"


def compress_payload(payload: Any, compression: str) -> bytes:
    """The payload compressed, preceded by how, so that any reader can undo it."""
    body, content_type = compress(payload, compression)
    return b"".join([COMPRESSED_PAYLOAD_MAGIC, content_type.encode(), b"\x00", body])


def decompress_payload(payload: Any) -> Any:
    """What ``compress_payload`` was given; anything else as it is."""
    if isinstance(payload, memoryview):
        payload = payload.tobytes()
    if not isinstance(payload, (bytes, bytearray)) or not payload.startswith(COMPRESSED_PAYLOAD_MAGIC):
        return payload
    content_type, _, body = payload[len(COMPRESSED_PAYLOAD_MAGIC) :].partition(b"\x00")
    return decompress(body, content_type.decode())


class Encoding:
    """How a backend writes and reads results."""

    EXCEPTION_STATES = states.EXCEPTION_STATES
    supports_result_compression = False

    serializer: str
    compression: str | None
    content_type: str
    content_encoding: str
    accept: Any

    def prepare_compression(self, compression: str | None) -> str | None:
        """The method to compress with: None where the backend keeps text only. Raises ImproperlyConfigured."""
        if not compression:
            return None
        if not self.supports_result_compression:
            warnings.warn(
                f"{type(self).__name__} cannot store compressed payloads: result_compression has no effect and "
                "results are stored uncompressed.",
                UserWarning,
                stacklevel=3,
            )
            return None
        try:
            get_encoder(compression)
        except KeyError as error:
            known = ", ".join(sorted(encoders()))
            raise ImproperlyConfigured(
                f"Unknown compression method {compression!r} configured in result_compression; there are: {known}."
            ) from error
        return compression

    def encode(self, data: Any) -> Any:
        _, _, payload = self._encode(data)
        return compress_payload(payload, self.compression) if self.compression else payload

    def _encode(self, data: Any) -> Any:
        return dumps(data, serializer=self.serializer)

    def decode(self, payload: Any) -> Any:
        if payload is None:
            return None
        return loads(
            decompress_payload(payload or str(payload)),
            content_type=self.content_type,
            content_encoding=self.content_encoding,
            accept=self.accept,
        )

    def decode_result(self, payload: Any) -> Any:
        return self.meta_from_decoded(self.decode(payload))

    def meta_from_decoded(self, meta: Any) -> Any:
        if meta["status"] in self.EXCEPTION_STATES:
            meta["result"] = self.exception_to_python(meta["result"])
        return meta

    def encode_result(self, result: Any, state: str) -> Any:
        if state in self.EXCEPTION_STATES and isinstance(result, BaseException):
            return self.prepare_exception(result)
        return self.prepare_value(result)

    def prepare_value(self, result: Any) -> Any:
        is_result = self.serializer != "pickle" and isinstance(result, ResultBase)
        return result.as_tuple() if is_result else result

    def prepare_exception(self, exc: Any, serializer: str | None = None) -> Any:
        """An exception as it is stored: by its class's name and arguments, or as it is where pickles are."""
        if (serializer or self.serializer) in EXCEPTION_ABLE_CODECS:
            return get_pickleable_exception(exc)
        cls = type(exc)
        module, name = wire_name(cls)
        return {
            "exc_type": cls.__qualname__ if name == cls.__name__ else name,
            "exc_message": ensure_serializable(exc.args, self.encode),
            "exc_module": module,
        }

    def exception_to_python(self, exc: Any) -> Any:
        """An exception of the stored class, or of one of the same name where that cannot be imported.

        Raises SecurityError where the stored name is not that of an exception class.
        """
        if not exc:
            return None
        if isinstance(exc, BaseException):
            return get_pickled_exception(exc) if self.serializer in EXCEPTION_ABLE_CODECS else exc
        stored = _document(exc)
        if "exc_type" not in stored:
            raise ValueError("Exception information must include the exception type")
        name, module = stored["exc_type"], stored.get("exc_module")
        message = stored.get("exc_message", "")
        cls = _exception_class(name, module)
        # Whoever can write results must not be able to have any callable called.
        if not isinstance(cls, type) or not issubclass(cls, BaseException):
            named = name if module is None else f"{module}.{name}"
            raise SecurityError(f"Expected an exception class, got {named} with payload {message}")
        try:
            return cls(*message) if isinstance(message, (tuple, list)) else cls(message)
        except Exception:
            return Exception(f"{cls}({message})")


def _document(exc: Any) -> dict[str, Any]:
    if isinstance(exc, dict):
        return exc
    try:
        return dict(exc)
    except TypeError as error:
        raise TypeError(
            f"If the stored exception isn't an instance of BaseException, it must be a dictionary.\nInstead got: {exc}"
        ) from error


def _exception_class(name: str, module: str | None) -> Any:
    if module is None:
        return create_exception_cls(name, __name__)
    first, *rest = name.split(".")
    try:
        # Not getattr: reading a result must not set off a module's lazy imports.
        found = vars(sys.modules[module_here(module) or ""])[first]
        for part in rest:
            found = getattr(found, part)
    except (KeyError, AttributeError):
        return create_exception_cls(name, "celery.exceptions")
    return found
