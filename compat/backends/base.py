"""The classes that result backends are made from."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import states
from .._state import get_current_task
from ..exceptions import BackendGetMetaError as BackendGetMetaError
from ..exceptions import BackendStoreError as BackendStoreError
from ..exceptions import ChordError as ChordError
from ..exceptions import ImproperlyConfigured as ImproperlyConfigured
from ..exceptions import TimeoutError as TimeoutError
from ..utils.log import get_logger
from ..utils.serialization import create_exception_cls as create_exception_cls
from ..utils.serialization import get_pickleable_exception as get_pickleable_exception
from ..utils.serialization import get_pickled_exception as get_pickled_exception
from .backend import Backend, _nulldict, unpickle_backend
from .failing import _create_chord_error_with_cause, _create_fake_task_request
from .keyvalue import BaseKeyValueStoreBackend, KeyValueStoreBackend
from .payload import COMPRESSED_PAYLOAD_MAGIC, compress_payload, decompress_payload
from .polling import SyncBackendMixin

__all__ = (
    "COMPRESSED_PAYLOAD_MAGIC",
    "Backend",
    "BaseBackend",
    "BaseDictBackend",
    "BaseKeyValueStoreBackend",
    "DisabledBackend",
    "KeyValueStoreBackend",
    "SyncBackendMixin",
    "_create_chord_error_with_cause",
    "_create_fake_task_request",
    "_nulldict",
    "compress_payload",
    "decompress_payload",
    "get_current_task",
    "states",
    "unpickle_backend",
)
logger = get_logger("celery.backends.base")


class BaseBackend(Backend, SyncBackendMixin):
    """A backend that is asked for results."""


BaseDictBackend = BaseBackend


class DisabledBackend(BaseBackend):
    """Keeps nothing; asking for a result raises NotImplementedError."""

    _cache: ClassVar[Any] = {}  # type: ignore[misc]

    def store_result(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is kept."""

    def ensure_chords_allowed(self) -> None:
        raise NotImplementedError(
            "Starting chords requires a result backend to be configured (Redis, database, …). Note that a group "
            "chained with a task is a chord, too."
        )

    def _is_disabled(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("No result backend is configured: set result_backend to ask for results.")

    def as_uri(self, *args: Any, **kwargs: Any) -> str:
        return "disabled://"

    get_state = get_status = get_result = get_traceback = _is_disabled
    get_task_meta_for = wait_for = get_many = _is_disabled
    get_task_meta = _is_disabled
