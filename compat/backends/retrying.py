"""Trying again what a result backend failed to do."""

from __future__ import annotations

import time
from typing import Any

from ..utils.log import get_logger
from ..utils.serialization import raise_with_context
from ..utils.time import get_exponential_backoff_interval

logger = get_logger("celery.backends.base")


class Retrying:
    """The part of a backend that survives its server's absence, where ``result_backend_always_retry`` is set."""

    always_retry: bool
    max_retries: float
    base_sleep_between_retries_ms: int
    max_sleep_between_retries_ms: int

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        """Whether an operation that raised ``exc`` may be tried again; only with ``result_backend_always_retry``."""
        return False

    def on_backend_retryable_error(self, exc: BaseException) -> None:
        """For subclasses: the operation will be tried again."""

    def _sleep(self, amount: float) -> None:
        time.sleep(amount)

    def _ensure_retryable(
        self,
        func: Any,
        *args: Any,
        fallback_exc: Any = None,
        fallback_msg: Any = None,
        max_retries: Any = None,
        **kwargs: Any,
    ) -> Any:
        limit = self.max_retries if max_retries is None else max_retries
        retries = 0
        while True:
            try:
                return func(*args, **kwargs)
            except Exception as error:
                if not (self.always_retry and self.exception_safe_to_retry(error)):
                    raise
                if retries >= limit:
                    if fallback_exc is None:
                        raise
                    raise_with_context(fallback_exc(fallback_msg))
                retries += 1
                name = getattr(func, "__name__", repr(func))
                logger.warning(
                    "the result backend's %s failed; %s tries are left", name, limit - retries, exc_info=True
                )
                self._before_retry(error, retries)

    def _before_retry(self, error: BaseException, retries: int) -> None:
        try:
            self.on_backend_retryable_error(error)
        except Exception:
            logger.exception("on_backend_retryable_error raised; the operation is tried again all the same")
        base, limit = self.base_sleep_between_retries_ms, self.max_sleep_between_retries_ms
        self._sleep(get_exponential_backoff_interval(base, retries, limit, True) / 1000)
