"""Calling a job's function: within its limits, inside its context, on an event loop if it is a coroutine."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from ..core.forking import ancestry, leave_fork
from ..core.interfaces import JobContext
from ..core.run import SUCCEEDED, Outcome, Run, RunState
from ..core.task import Task
from .limits import Limits
from .terminations import Terminations


class Caller:
    """Calls tasks; raises what they raise."""

    def __init__(
        self,
        context: JobContext | None,
        delegator: Callable[..., Any] | None,
        limits: Limits,
        terminations: Terminations,
    ) -> None:
        self._context = context
        self._delegator = delegator
        self._limits = limits
        self._terminations = terminations
        self._loops = threading.local()

    def call(self, task: Task, run: Run) -> Outcome:
        """The outcome that the task's own handler gives, or SUCCEEDED with what its function returned."""
        said = run.headers.get("timelimit")
        if task.limits is not None or (said and (said[0] is not None or said[1] is not None)):
            has_words = task.handler is None  # a handler finds its own
            with self._limits.hold(run, task.limits_of(run), wants_word=task.ended is not None, has_words=has_words):
                return self._until_terminated(task, run)
        return self._until_terminated(task, run)

    def _until_terminated(self, task: Task, run: Run) -> Outcome:
        if task.ended is None:
            return self._in_context(task, run)
        return self._terminations.call(run, self._in_context, task, run)

    def _in_context(self, task: Task, run: Run) -> Outcome:
        if self._context is None or not task.with_context:
            return self._outcome(task, run)
        outcome: Outcome = self._context(run, lambda: self._outcome(task, run))
        return outcome

    def _outcome(self, task: Task, run: Run) -> Outcome:
        forks = ancestry.forks
        try:
            return self._result(task, run) if task.handler is None else task.handler(run)
        finally:
            if ancestry.forks != forks:
                leave_fork()

    def _result(self, task: Task, run: Run) -> Outcome:
        if self._delegator is not None and self._delegator(task.func, run.args, run.kwargs):
            return SUCCEEDED
        result = task.func(*run.args, **run.kwargs)
        if inspect.iscoroutine(result):
            result = self._wait_for(result)
        return SUCCEEDED if result is None else Outcome(RunState.SUCCEEDED, result)

    def _wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """On this thread's own loop: the job sees the request and registry that were pushed for this thread."""
        runner = getattr(self._loops, "runner", None)
        if runner is None:
            runner = self._loops.runner = asyncio.Runner()
        try:
            return runner.run(coroutine)
        except BaseException:
            # A time limit ends the loop, not the coroutine: it would go on when the next one is run.
            self._loops.runner = None
            runner.close()
            raise
