"""Waiting for things in tests with a running worker."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

from kombu.exceptions import ContentDisallowed
from kombu.utils.functional import retry_over_time

from ... import states
from ...exceptions import TimeoutError
from ...result import ResultSet
from ...utils.text import truncate
from ...utils.time import humanize_seconds


class Sentinel(Exception):
    """Not yet."""


class ManagerMixin:
    """What a Manager does, for objects that have an ``app``."""

    app: Any

    def _init_manager(
        self, block_timeout: float = 1800.0, no_join: bool = False, stdout: Any = None, stderr: Any = None
    ) -> None:
        self.stdout = sys.stdout if stdout is None else stdout
        self.stderr = sys.stderr if stderr is None else stderr
        self.connerrors = self.app.connection().recoverable_connection_errors
        self.block_timeout = block_timeout
        self.no_join = no_join

    def remark(self, s: str, sep: str = "-") -> None:
        print(f"{sep}{s}", file=self.stdout)

    def warn(self, s: str) -> None:
        self.stderr.write(s + "\n")

    def missing_results(self, r: Any) -> list[str]:
        return [result.id for result in r if result.id not in result.backend._cache]

    def wait_for(
        self,
        fun: Callable[..., Any],
        catch: Any,
        desc: str = "thing",
        args: tuple[Any, ...] = (),
        kwargs: Any = None,
        errback: Any = None,
        max_retries: int = 10,
        interval_start: float = 0.1,
        interval_step: float = 0.5,
        interval_max: float = 5.0,
        emit_warning: bool = False,
        **options: Any,
    ) -> Any:
        """Call ``fun`` until it does not raise one of ``catch``."""

        def pause(exc: Any, intervals: Any, retries: int) -> float:
            seconds = float(next(intervals))
            if emit_warning:
                when = humanize_seconds(seconds, "in", " ", microseconds=True)
                self.warn(f"Still waiting for {desc}. Trying again {when}: {exc!r}")
            if errback:
                errback(exc, seconds, retries)
            return seconds

        return self.retry_over_time(
            fun,
            catch,
            args=args,
            kwargs=kwargs or {},
            errback=pause,
            max_retries=max_retries,
            interval_start=interval_start,
            interval_step=interval_step,
            **options,
        )

    def ensure_not_for_a_while(
        self,
        fun: Callable[..., Any],
        catch: Any,
        desc: str = "thing",
        max_retries: int = 20,
        interval_start: float = 0.1,
        interval_step: float = 0.02,
        interval_max: float = 1.0,
        emit_warning: bool = False,
        **options: Any,
    ) -> None:
        """Raise AssertionError if ``fun`` stops raising ``catch`` within a while."""
        try:
            self.wait_for(
                fun,
                catch,
                desc=desc,
                max_retries=max_retries,
                interval_start=interval_start,
                interval_step=interval_step,
                interval_max=interval_max,
                emit_warning=emit_warning,
            )
        except catch:
            return
        raise AssertionError(f"Should not have happened: {desc}")

    def retry_over_time(self, *args: Any, **kwargs: Any) -> Any:
        return retry_over_time(*args, **kwargs)

    def join(self, r: Any, propagate: bool = False, max_retries: int = 10, **kwargs: Any) -> Any:
        """The results, waited for again and again; AssertionError if they do not come."""
        if self.no_join:
            return None
        results = r if isinstance(r, ResultSet) else self.app.ResultSet([r])
        received: list[str] = []
        for _ in range(max_retries) if max_retries else count(0):
            received[:] = []
            try:
                return results.get(callback=lambda id_, _: received.append(id_), propagate=propagate, **kwargs)
            except (OSError, TimeoutError) as error:
                missing = truncate(", ".join(self.missing_results(results)))
                left = len(results) - len(received)
                self.remark(f"Still waiting for {left}/{len(results)}: [{missing}]: {error!r}", "!")
            except self.connerrors as error:
                self.remark(f"join: connection lost: {error!r}", "!")
        raise AssertionError("Test failed: Missing task results")

    def inspect(self, timeout: float = 3.0) -> Any:
        return self.app.control.inspect(timeout=timeout)

    def query_tasks(self, ids: Any, timeout: float = 0.5) -> Iterator[tuple[str, Any]]:
        yield from (self.inspect(timeout).query_task(*ids) or {}).items()

    def query_task_states(self, ids: Any, timeout: float = 0.5) -> dict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for _, reply in self.query_tasks(ids, timeout=timeout):
            for task_id, (state, _) in reply.items():
                found[state].add(task_id)
        return found

    def assert_accepted(
        self, ids: Any, interval: float = 0.5, desc: str = "waiting for tasks to be accepted", **policy: Any
    ) -> Any:
        return self.assert_task_worker_state(self.is_accepted, ids, interval=interval, desc=desc, **policy)

    def assert_received(
        self, ids: Any, interval: float = 0.5, desc: str = "waiting for tasks to be received", **policy: Any
    ) -> Any:
        return self.assert_task_worker_state(self.is_received, ids, interval=interval, desc=desc, **policy)

    def assert_result_tasks_in_progress_or_completed(
        self,
        async_results: Any,
        interval: float = 0.5,
        desc: str = "waiting for tasks to be started or completed",
        **policy: Any,
    ) -> Any:
        check = self.is_result_task_in_progress
        return self.assert_task_state_from_result(check, async_results, interval=interval, desc=desc, **policy)

    def assert_task_state_from_result(self, fun: Any, results: Any, interval: float = 0.5, **policy: Any) -> Any:
        return self.wait_for(partial(self.true_or_raise, fun, results, timeout=interval), (Sentinel,), **policy)

    @staticmethod
    def is_result_task_in_progress(results: Any, **kwargs: Any) -> bool:
        return all(result.state in (states.STARTED, states.SUCCESS) for result in results)

    def assert_task_worker_state(self, fun: Any, ids: Any, interval: float = 0.5, **policy: Any) -> Any:
        return self.wait_for(partial(self.true_or_raise, fun, ids, timeout=interval), (Sentinel,), **policy)

    def is_received(self, ids: Any, **kwargs: Any) -> bool:
        return self._ids_matches_state(["reserved", "active", "ready"], ids, **kwargs)

    def is_accepted(self, ids: Any, **kwargs: Any) -> bool:
        return self._ids_matches_state(["active", "ready"], ids, **kwargs)

    def _ids_matches_state(self, expected_states: list[str], ids: Any, timeout: float = 0.5) -> bool:
        found = self.query_task_states(ids, timeout=timeout)
        return all(any(id_ in found[state] for state in expected_states) for id_ in ids)

    def true_or_raise(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = fun(*args, **kwargs)
        if not result:
            raise Sentinel()
        return result

    def wait_until_idle(self) -> None:
        """Purge until nothing waits, then wait until nothing runs."""
        control = self.app.control
        with self.app.connection() as connection:
            while control.purge(connection=connection):
                pass
            inspect = control.inspect()
            inspect.connection = connection
            while True:
                try:
                    if not sum(len(tasks) for tasks in (inspect.active() or {}).values()):
                        return
                except ContentDisallowed:
                    return


class Manager(ManagerMixin):
    """Helps a test with a running worker."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        self._init_manager(**kwargs)
