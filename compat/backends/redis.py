"""Results in Redis, in Celery's keys: ``redis://``, ``rediss://``, ``socket://``, ``sentinel://``."""

from __future__ import annotations

import warnings
from functools import cached_property, partial
from typing import Any

import redis
import redis.sentinel
from kombu.transport.redis import get_redis_error_classes
from kombu.utils.encoding import bytes_to_str
from kombu.utils.functional import retry_over_time
from kombu.utils.url import maybe_sanitize_url

from .. import states
from ..exceptions import BackendStoreError
from ..utils.imports import symbol_by_name
from ..utils.log import get_logger
from ..utils.time import humanize_seconds
from .asynchronous import AsyncBackendMixin
from .keyvalue import BaseKeyValueStoreBackend
from .redis_chords import RedisChords
from .redis_connecting import parameters, sentinel_parameters
from .redis_listener import RedisListener
from .redis_scripts import STORE

__all__ = ("RedisBackend", "SentinelBackend")
logger = get_logger("celery.backends.redis")

_LONGEST = 512 * 1024 * 1024  # bytes of a Redis string
#: How kombu's JSON of a success begins; what other serializers write must be read to be known.
_SUCCESS = '{"status": "SUCCESS"'


class RedisBackend(AsyncBackendMixin, RedisChords, BaseKeyValueStoreBackend):
    """Documents under ``celery-task-meta-<id>``, each published on a channel of that name."""

    supports_autoexpire = True
    supports_native_join = True
    supports_result_compression = True
    supports_failure_expires = True
    max_connections: int | None = None

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        db: Any = None,
        password: str | None = None,
        max_connections: int | None = None,
        url: str | None = None,
        connection_pool: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(expires_type=int, **kwargs)
        self.thread_safe = True
        failure_expires = self.app.conf.get("result_failure_expires")
        self.failure_expires = (
            self.expires if failure_expires is None else self.prepare_expires(failure_expires, type=int)
        )
        self.url = url = host if host and "://" in host else url
        self.connparams = self._parameters(url, max_connections or self.max_connections)
        if self.compression and self.connparams.get("decode_responses"):
            warnings.warn(
                "decode_responses turns results into text: result_compression has no effect.", UserWarning, stacklevel=2
            )
            self.compression = None
        self._pool = connection_pool
        self.connection_errors = self._connection_errors()
        self.listener = RedisListener(self)

    def _parameters(self, url: str | None, max_connections: int | None) -> dict[str, Any]:
        return parameters(self.app.conf, url, max_connections)

    @cached_property
    def _transport_options(self) -> Any:
        return self.app.conf.get("result_backend_transport_options") or {}

    def _connection_errors(self) -> tuple[Any, ...]:
        more = self._transport_options.get("additional_connection_errors") or ()
        found = []
        for item in (more,) if isinstance(more, (str, type)) else more:
            try:
                cls = symbol_by_name(item)
            except (ImportError, AttributeError) as error:
                logger.warning("additional_connection_errors: %r cannot be imported and is left out: %r", item, error)
                continue
            if isinstance(cls, type) and issubclass(cls, Exception):
                found.append(cls)
            else:
                logger.warning("additional_connection_errors: %r is no exception class and is left out", item)
        return (*get_redis_error_classes()[0], *found)

    # Connections

    @cached_property
    def client(self) -> Any:
        return redis.Redis(connection_pool=self._pool or self._make_pool())

    def _make_pool(self) -> Any:
        return redis.ConnectionPool(**self.connparams)

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        return isinstance(exc, self.connection_errors)

    @cached_property
    def retry_policy(self) -> Any:
        return {**BaseKeyValueStoreBackend.retry_policy, **self._transport_options.get("retry_policy", {})}

    def ensure(self, fun: Any, args: Any, **policy: Any) -> Any:
        """Call ``fun(*args)``, again and again while the connection is lost, as the retry policy says."""
        policy = {**self.retry_policy, **policy}
        told = partial(self.on_connection_error, policy.get("max_retries"))
        return retry_over_time(fun, self.connection_errors, args, {}, told, **policy)

    def on_connection_error(self, max_retries: Any, exc: BaseException, intervals: Any, retries: int) -> Any:
        seconds = next(intervals)
        when = humanize_seconds(seconds, "in ")
        logger.error("Connection to Redis lost: Retry (%s/%s) %s.", retries, max_retries or "Inf", when)
        return seconds

    # The store

    def get(self, key: Any) -> Any:
        return self.client.get(key)

    def mget(self, keys: Any) -> Any:
        return self.client.mget(keys)

    def mget_tasks(self, task_ids: list[str]) -> list[Any]:
        """The stored documents of these tasks; None for what is not there."""
        return self.mget([self.get_key_for_task(task_id) for task_id in task_ids])  # type: ignore[no-any-return]

    @cached_property
    def _store(self) -> Any:
        return self.client.register_script(STORE)

    def _store_result(
        self, task_id: Any, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        if self.serializer != "json" or self.compression:
            return super()._store_result(task_id, result, state, traceback, request, **kwargs)
        meta = self._get_result_meta(result=result, state=state, traceback=traceback, request=request)
        meta["task_id"] = bytes_to_str(task_id)
        document = _bounded(self.encode(meta), state, task_id)
        arguments = [document, self._expires(state), _SUCCESS]
        self.ensure(lambda: self._store(keys=[self.get_key_for_task(task_id)], args=arguments), ())
        return result

    def _expires(self, state: str) -> int:
        return (self.failure_expires if state == states.FAILURE else self.expires) or 0

    def _set_with_state(self, key: Any, value: Any, state: str) -> Any:
        return self.set(key, value, expires=self._expires(state))

    def set(self, key: Any, value: Any, expires: Any = None, **retry_policy: Any) -> Any:
        """Store and publish."""
        return self.ensure(self._set, (key, _bounded(value), expires), **retry_policy)

    def _set(self, key: Any, value: Any, expires: Any = None) -> None:
        seconds = self.expires if expires is None else expires
        with self.client.pipeline() as pipe:
            pipe.set(key, value, ex=seconds or None)
            pipe.publish(key, value)
            pipe.execute()

    def delete(self, key: Any) -> None:
        self.client.delete(key)

    def incr(self, key: Any) -> Any:
        return self.client.incr(key)

    def expire(self, key: Any, value: Any) -> Any:
        return self.client.expire(key, value)

    def __reduce__(self, args: Any = (), kwargs: Any = None) -> Any:
        return super().__reduce__(args, {**(kwargs or {}), "expires": self.expires, "url": self.url})


def _bounded(value: Any, state: str = "", task_id: Any = "") -> Any:
    if isinstance(value, str) and len(value) > _LONGEST:
        raise BackendStoreError("value too large for Redis backend", state=state, task_id=task_id)
    return value


class SentinelBackend(RedisBackend):
    """``sentinel://a:26379/0;sentinel://b:26379/0``, with ``master_name`` in result_backend_transport_options."""

    def _parameters(self, url: str | None, max_connections: int | None) -> dict[str, Any]:
        return sentinel_parameters(self.app.conf, url or "", max_connections)

    def as_uri(self, include_password: bool = False) -> Any:
        if include_password:
            return self.url
        urls = (maybe_sanitize_url(part) for part in (self.url or "").split(";"))
        return ";".join(url[:-1] if url.endswith(":///") else url for url in urls)

    def _make_pool(self) -> Any:
        options = self._transport_options
        found = {name: value for name, value in self.connparams.items() if name != "hosts"}
        sentinel = redis.sentinel.Sentinel(
            [(host["host"], host["port"]) for host in self.connparams["hosts"]],
            min_other_sentinels=options.get("min_other_sentinels", 0),
            sentinel_kwargs=options.get("sentinel_kwargs", {}),
            **found,
        )
        credentials = {name: found[name] for name in ("username", "password") if name in found}
        return sentinel.master_for(options.get("master_name"), redis.Redis, **credentials).connection_pool
