"""What every result backend does."""

from __future__ import annotations

import warnings
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from kombu.serialization import prepare_accept_content
from kombu.serialization import registry as serializer_registry
from kombu.utils.encoding import ensure_bytes
from kombu.utils.url import maybe_sanitize_url

from .. import states
from .._state import current_app, get_current_task
from ..exceptions import BackendGetMetaError, BackendStoreError, TaskRevokedError, TimeoutError
from ..utils.functional import LRUCache
from .chord_polling import ChordPolling
from .failing import Failing
from .groups import Groups
from .payload import Encoding


def unpickle_backend(cls: Any, args: Any, kwargs: Any) -> Any:
    return cls(*args, app=current_app._get_current_object(), **kwargs)


class _nulldict(dict[Any, Any]):
    """Forgets what is put in: the cache that is none."""

    def ignore(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    __setitem__ = update = setdefault = ignore


class Backend(Encoding, Failing, ChordPolling, Groups):
    """Keeps states and results by task id, and the results of groups by theirs."""

    READY_STATES = states.READY_STATES
    UNREADY_STATES = states.UNREADY_STATES
    TimeoutError = TimeoutError

    subpolling_interval: float | None = None
    supports_native_join = False
    supports_autoexpire = False
    supports_failure_expires = False
    persistent = True
    retry_policy: ClassVar[Any] = {"max_retries": 20, "interval_start": 0, "interval_step": 1, "interval_max": 1}

    def __init__(
        self,
        app: Any,
        serializer: str | None = None,
        max_cached_results: int | None = None,
        accept: Any = None,
        expires: Any = None,
        expires_type: Any = None,
        url: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.app = app
        conf = app.conf
        self.serializer = serializer or conf.result_serializer
        self.content_type, self.content_encoding, self.encoder = serializer_registry._encoders[self.serializer]
        self.compression = self.prepare_compression(conf.get("result_compression"))
        limit = max_cached_results or conf.result_cache_max
        self._cache: Any = _nulldict() if limit == -1 else LRUCache(limit=limit)
        self.expires = self.prepare_expires(expires, expires_type)
        accepted = conf.result_accept_content if accept is None else accept
        self.accept = prepare_accept_content(conf.accept_content if accepted is None else accepted)
        if conf.get("result_failure_expires") is not None and not self.supports_failure_expires:
            warnings.warn(
                f"{type(self).__name__} does not support result_failure_expires: failures expire as any other result.",
                UserWarning,
                stacklevel=2,
            )
        self.always_retry = conf.get("result_backend_always_retry", False)
        self.max_sleep_between_retries_ms = conf.get("result_backend_max_sleep_between_retries_ms", 10000)
        self.base_sleep_between_retries_ms = conf.get("result_backend_base_sleep_between_retries_ms", 10)
        self.max_retries = conf.get("result_backend_max_retries", float("inf"))
        self.thread_safe = conf.get("result_backend_thread_safe", False)
        self.url = url

    def as_uri(self, include_password: bool = False) -> Any:
        """The URL, without the password unless that is asked for."""
        if include_password:
            return self.url
        url = maybe_sanitize_url(self.url or "")
        return url[:-1] if url.endswith(":///") else url

    def prepare_expires(self, value: Any, type: Any = None) -> Any:
        """Seconds (of that type) until results are forgotten; None for never."""
        value = self.app.conf.result_expires if value is None else value
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        return type(seconds) if seconds is not None and type else seconds

    def prepare_persistent(self, enabled: bool | None = None) -> bool:
        if enabled is not None:
            return enabled
        configured = self.app.conf.result_persistent
        return self.persistent if configured is None else configured

    # States

    def mark_as_started(self, task_id: Any, **meta: Any) -> Any:
        return self.store_result(task_id, meta, states.STARTED)

    def mark_as_done(
        self, task_id: Any, result: Any, request: Any = None, store_result: bool = True, state: str = states.SUCCESS
    ) -> None:
        """Store the result, then tell the chord."""
        if store_result and not (request is not None and request.ignore_result):
            self.store_result(task_id, result, state, request=request)
        if request and request.chord:
            self.on_chord_part_return(request, state, result)

    def mark_as_revoked(
        self,
        task_id: Any,
        reason: str = "",
        request: Any = None,
        store_result: bool = True,
        state: str = states.REVOKED,
    ) -> None:
        error = TaskRevokedError(reason)
        if store_result:
            self.store_result(task_id, error, state, traceback=None, request=request)
        if request and request.chord:
            self.on_chord_part_return(request, state, error)

    def mark_as_retry(
        self,
        task_id: Any,
        exc: Any,
        traceback: Any = None,
        request: Any = None,
        store_result: bool = True,
        state: str = states.RETRY,
    ) -> Any:
        return self.store_result(task_id, exc, state, traceback=traceback, request=request)

    def store_result(
        self, task_id: Any, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        """Store a state; once SUCCESS is stored nothing replaces it. Raises BackendStoreError when retries end."""
        encoded = self.encode_result(result, state)
        # By position: backends from elsewhere name these parameters as they like.
        self._ensure_retryable(
            self._store_result,
            task_id,
            encoded,
            state,
            traceback,
            fallback_exc=partial(BackendStoreError, task_id=task_id, state=state),
            fallback_msg="failed to store result on the backend",
            request=request,
            **kwargs,
        )
        return encoded

    def _store_result(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("backend does not implement _store_result.")

    def _get_result_meta(
        self, result: Any, state: str, traceback: Any, request: Any, format_date: bool = True, encode: bool = False
    ) -> dict[str, Any]:
        """The document that is stored."""
        done = self.app.now() if state in self.READY_STATES else None
        meta = {
            "status": state,
            "result": result,
            "traceback": traceback,
            "children": self.current_task_children(request),
            "date_done": done.isoformat() if done and format_date else done,
        }
        if not request:
            return meta
        for key, attribute in (("group_id", "group"), ("parent_id", "parent_id")):
            if getattr(request, attribute, None):
                meta[key] = getattr(request, attribute)
        if self.app.conf.result_extended:
            meta.update(self._extended(request, encode))
        return meta

    def _extended(self, request: Any, encode: bool) -> dict[str, Any]:
        named = {"name": "task", "args": "args", "kwargs": "kwargs", "worker": "hostname", "retries": "retries"}
        meta = {key: getattr(request, attribute, None) for key, attribute in named.items()}
        meta["queue"] = (getattr(request, "delivery_info", None) or {}).get("routing_key")
        stamps = getattr(request, "stamps", None)
        if stamps:
            meta["stamped_headers"] = request.stamped_headers
            meta.update({name: stamps[name] for name in request.stamped_headers or () if name in stamps})
        if encode:
            meta.update({key: ensure_bytes(self.encode(meta[key])) for key in ("args", "kwargs")})
        return meta

    def current_task_children(self, request: Any = None) -> Any:
        request = request or getattr(get_current_task(), "request", None)
        return [child.as_tuple() for child in getattr(request, "children", [])] if request else None

    # Reading

    def get_task_meta(self, task_id: Any, cache: bool = True) -> Any:
        """The document of a task; PENDING where there is none. Raises BackendGetMetaError when retries end."""
        self._ensure_not_eager()
        if cache and task_id in self._cache:
            return self._cache[task_id]
        meta = self._ensure_retryable(
            self._get_task_meta_for,
            task_id,
            fallback_exc=partial(BackendGetMetaError, task_id=task_id),
            fallback_msg="failed to get meta",
        )
        if cache and meta.get("status") == states.SUCCESS:
            self._cache[task_id] = meta
        return meta

    def _get_task_meta_for(self, task_id: Any) -> Any:
        raise NotImplementedError("backend does not implement _get_task_meta_for.")

    def get_state(self, task_id: Any) -> Any:
        return self.get_task_meta(task_id)["status"]

    get_status = get_state

    def get_traceback(self, task_id: Any) -> Any:
        return self.get_task_meta(task_id).get("traceback")

    def get_result(self, task_id: Any) -> Any:
        return self.get_task_meta(task_id).get("result")

    def get_children(self, task_id: Any) -> Any:
        return self.get_task_meta(task_id).get("children")

    def task_result_exists(self, task_id: Any) -> bool:
        return bool(self._get_task_meta_for(task_id)["status"] != states.PENDING)

    def is_cached(self, task_id: Any) -> bool:
        return task_id in self._cache

    def reload_task_result(self, task_id: Any) -> None:
        self._cache[task_id] = self.get_task_meta(task_id, cache=False)

    def forget(self, task_id: Any) -> None:
        self._cache.pop(task_id, None)
        self._ensure_retryable(self._forget, task_id)

    def _forget(self, task_id: Any) -> None:
        raise NotImplementedError("backend does not implement forget.")

    def _ensure_not_eager(self) -> None:
        conf = self.app.conf
        if conf.task_always_eager and not conf.task_store_eager_result:
            warnings.warn(
                "Results are not stored in backend and should not be retrieved when task_always_eager is enabled, "
                "unless task_store_eager_result is enabled.",
                RuntimeWarning,
                stacklevel=2,
            )

    # Housekeeping

    def cleanup(self) -> None:
        """Remove what has expired; the daily task ``celery.backend_cleanup``."""

    def process_cleanup(self) -> None:
        """A task's run is over."""

    def on_task_call(self, producer: Any, task_id: Any) -> dict[str, Any]:
        """A task is about to be sent."""
        return {}

    def __reduce__(self, args: Any = (), kwargs: Any = None) -> Any:
        return unpickle_backend, (type(self), args, kwargs or {})
