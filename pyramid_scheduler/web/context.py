"""What a job runs in: the registry, and from the moment it asks for one a request with a transaction of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Self

from pyramid.interfaces import IRequestFactory
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.scripting import prepare
from pyramid.threadlocal import manager
from transaction import TransactionManager

from ..core.run import Run

log = logging.getLogger(__name__)

#: How often a job whose commit meets a retryable conflict is called again at once, not counted as a failure.
CONFLICT_ATTEMPTS = 3


class RequestContext:
    """Calls a job in surroundings of its own; ``request.tm`` commits when it returns and aborts when it raises."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._environ = Request.blank("/").environ
        self._make = registry.queryUtility(IRequestFactory, default=Request)

    def __call__(self, run: Run, call: Callable[[], Any]) -> Any:
        """Return what ``call`` returns; a conflict that the data managers call retryable calls it again, freshly."""
        for left in range(CONFLICT_ATTEMPTS - 1, -1, -1):
            try:
                with Surroundings(self, run):
                    return call()
            except Exception as error:
                if not left or not getattr(error, "_ps_retryable", False):
                    raise
                log.info("run %s met a conflict (%s); it is called again", run.id, type(error).__name__)
        raise AssertionError("unreachable")

    def request(self, run: Run, tm: TransactionManager) -> Request:
        request = self._make({**self._environ, "tm.manager": tm, "tm.active": True})
        request.registry, request.job = self.registry, run
        return request


class Surroundings(dict[str, Any]):
    """What Pyramid finds on its stack while a job runs.

    Most jobs never ask for the request. Those that do not are spared it: it costs more than many a job.
    """

    def __init__(self, context: RequestContext, run: Run) -> None:
        super().__init__(registry=context.registry)
        self._context = context
        self._run = run
        self._tm: TransactionManager | None = None
        self._close: Callable[[], object] = manager.pop

    def __missing__(self, name: str) -> Request:
        if name != "request":
            raise KeyError(name)
        request = self["request"] = self._begin()
        return request

    def _begin(self) -> Request:
        tm = TransactionManager(explicit=True)
        request = self._context.request(self._run, tm)
        depth = len(manager.stack)
        try:
            close = prepare(request=request, registry=self._context.registry)["closer"]
        finally:
            del manager.stack[depth:]  # it pushed what is here already
        if getattr(request, "tm", None) is not tm:
            request.tm = tm
        tm.begin()
        self._tm, self._close = tm, close
        return request

    def __enter__(self) -> Self:
        manager.push(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if self._tm is not None:
                _end(self._tm, error)
        finally:
            self._close()


def _end(tm: TransactionManager, error: BaseException | None) -> None:
    """Commit, or abort; raises what the commit raises."""
    if error is not None:
        return _abort(tm, error)
    try:
        if tm.isDoomed():
            tm.abort()
        else:
            tm.commit()
    except BaseException as failure:
        _abort(tm, failure)
        raise


def _abort(tm: TransactionManager, error: BaseException) -> None:
    if isinstance(error, Exception) and tm.get().isRetryableError(error):
        error._ps_retryable = True  # type: ignore[attr-defined]
    tm.abort()
