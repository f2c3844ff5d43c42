"""What a job runs in: a fresh request, its registry, its own transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyramid.interfaces import IRequestFactory
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.scripting import prepare
from transaction import TransactionManager

from ..core.run import Run

log = logging.getLogger(__name__)

#: How often a job whose commit meets a retryable conflict is called again at once, not counted as a failure.
CONFLICT_ATTEMPTS = 3


class RequestContext:
    """Calls a job inside a prepared request; ``request.tm`` commits when it returns and aborts when it raises."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._environ = Request.blank("/").environ
        self._make = registry.queryUtility(IRequestFactory, default=Request)

    def __call__(self, run: Run, call: Callable[[], Any]) -> Any:
        """Return what ``call`` returns; a conflict that the data managers call retryable calls it again, freshly."""
        for left in range(CONFLICT_ATTEMPTS - 1, -1, -1):
            try:
                with self._request(run):
                    return call()
            except Exception as error:
                if not left or not getattr(error, "_ps_retryable", False):
                    raise
                log.info("run %s met a conflict (%s); it is called again", run.id, type(error).__name__)
        raise AssertionError("unreachable")

    @contextmanager
    def _request(self, run: Run) -> Iterator[Request]:
        tm = TransactionManager(explicit=True)
        request = self._make({**self._environ, "tm.manager": tm, "tm.active": True})
        with prepare(request=request, registry=self._registry) as env:
            request.job = run
            if getattr(request, "tm", None) is not tm:
                request.tm = tm
            with _transaction(tm):
                yield env["request"]


@contextmanager
def _transaction(tm: TransactionManager) -> Iterator[None]:
    tm.begin()
    try:
        yield
        if tm.isDoomed():
            tm.abort()
        else:
            tm.commit()
    except BaseException as error:
        if isinstance(error, Exception) and tm.get().isRetryableError(error):
            error._ps_retryable = True  # type: ignore[attr-defined]
        tm.abort()
        raise
