"""How a failure spreads: to the rest of the chain, to the chord, to errbacks."""

from __future__ import annotations

import sys
from collections import deque
from functools import partial
from typing import Any

from pyramid_scheduler.api import new_id

from .. import states
from ..exceptions import ChordError, NotRegistered
from ..utils.einfo import ExceptionInfo
from ..utils.functional import arity_greater, maybe_list
from ..utils.log import get_logger

logger = get_logger("celery.backends.base")


def _create_chord_error_with_cause(message: str, original_exc: Any = None) -> ChordError:
    """A ChordError that keeps what led to it."""
    error = ChordError(message)
    if isinstance(original_exc, Exception):
        error.__cause__ = original_exc
    return error


def _create_fake_task_request(task_id: Any, errbacks: Any = None, task_name: str = "unknown", **extra: Any) -> Any:
    """A request for errbacks of a task that never ran."""
    from ..app.request import Context

    return Context({"id": task_id, "errbacks": errbacks or [], "delivery_info": {}, "task": task_name, **extra})


class Failing:
    """The part of a backend that deals with what a failure means for others."""

    app: Any

    def store_result(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def get_state(self, task_id: Any) -> Any:
        raise NotImplementedError

    def on_chord_part_return(self, request: Any, state: Any, result: Any, **kwargs: Any) -> Any:
        """A task of a chord's header is done; nothing to do where ``celery.chord_unlock`` looks for itself."""

    def mark_as_failure(
        self,
        task_id: Any,
        exc: Any,
        traceback: Any = None,
        request: Any = None,
        store_result: bool = True,
        call_errbacks: bool = True,
        state: str = states.FAILURE,
    ) -> None:
        """Store the failure, tell the chord, fail the tasks that were to follow, call the errbacks."""
        if store_result:
            self.store_result(task_id, exc, state, traceback=traceback, request=request)
        if not request:
            return
        if request.chord:
            self.on_chord_part_return(request, state, exc)
        self._fail_chain(getattr(request, "chain", None), exc, traceback, store_result=store_result, state=state)
        if call_errbacks and request.errbacks:
            self._call_task_errbacks(request, exc, traceback)

    # The rest of the chain

    def _fail_chain(
        self, chain: Any, exc: Any, traceback: Any = None, store_result: bool = True, state: str = states.FAILURE
    ) -> None:
        """Fail every step that was to follow: whoever waits for the last one must hear of it."""
        from ..app.request import Context

        steps: deque[Any] = deque(chain if isinstance(chain, (list, tuple)) else ())
        while steps:
            context = Context(steps.popleft())
            options = context.options  # type: ignore[attr-defined]
            context.update(options)
            context.id, context.group = options.get("task_id"), options.get("group_id")
            self._fail_step(context, "chord" in options, exc, traceback, store_result, state)
            # A chord is done when its body is: the failure must reach that one's id.
            body = (context.kwargs or {}).get("body") if getattr(context, "subtask_type", None) == "chord" else None
            if body is not None:
                steps.append(body)

    def _fail_step(
        self, context: Any, in_chord: bool, exc: Any, traceback: Any, store_result: bool, state: str
    ) -> None:
        # A step that failed before has told its chord already.
        counted = in_chord and context.id is not None and self.get_state(context.id) in states.PROPAGATE_STATES
        if store_result and state in states.PROPAGATE_STATES and context.id is not None:
            self.store_result(context.id, exc, state, traceback=traceback, request=context)
        if in_chord and not counted:
            self.on_chord_part_return(context, state, exc)

    # Errbacks

    def _call_task_errbacks(self, request: Any, exc: Any, traceback: Any) -> None:
        """Call those that take (request, exc, traceback) here; send the others, with the id."""
        sent = []
        for item in request.errbacks:
            errback = self.app.signature(item)
            if not errback._app:
                errback._app = self.app
            try:
                here = self._takes_request(errback)
            except NotRegistered:  # another worker knows it
                here = False
            if not here:
                sent.append(errback)
                continue
            try:
                errback(request, exc, traceback)
            except Exception:
                logger.exception("Errback %r raised an exception", errback.name)
        if sent:
            self._send_errbacks(request, sent)

    def _takes_request(self, errback: Any) -> bool:
        header = getattr(errback.type, "__header__", None)
        # A bound task's header is a partial; it is sent, so that it can be retried.
        if header is None or isinstance(header, partial):
            return False
        if not errback.immutable and (errback.args or errback.kwargs):
            try:
                return bool(arity_greater(partial(header, *errback.args, **errback.kwargs), 1))
            except (TypeError, ValueError):
                pass
        return bool(arity_greater(header, 1))

    def _send_errbacks(self, request: Any, errbacks: list[Any]) -> None:
        from ..canvas import group

        calls = group(errbacks, app=self.app)
        eager = self.app.conf.task_always_eager or (request.delivery_info or {}).get("is_eager", False)
        send = calls.apply if eager else calls.apply_async
        send((request.id,), parent_id=request.id, root_id=request.root_id or request.id)

    # Chords

    def chord_error_from_stack(self, callback: Any, exc: Any = None) -> Any:
        """The chord cannot complete: fail its body, and call the body's errbacks."""
        from ..canvas import group

        exc = sys.exc_info()[1] if exc is None else exc
        backend = self._backend_of(callback)
        if isinstance(callback, group):
            einfo = self._fail_group_body(callback, backend, exc)
        else:
            einfo = self._fail_body(callback, backend, exc)
        backend._fail_chain(callback.options.get("chain"), exc)
        return einfo

    def _backend_of(self, callback: Any) -> Any:
        try:
            return self.app._tasks[callback.task].backend
        except KeyError:
            return self

    def _fail_body(self, callback: Any, backend: Any, exc: Any) -> Any:
        callback_id = callback.options.setdefault("task_id", new_id()) if not callback.id else callback.id
        request = _create_fake_task_request(
            task_id=callback_id, errbacks=callback.options.get("link_error", []), **callback
        )
        try:
            self._call_task_errbacks(request, exc, None)
        except Exception as error:
            exc = error
        return backend.fail_from_current_stack(callback_id, exc=exc)

    def _fail_group_body(self, callback: Any, backend: Any, exc: Any) -> Any:
        """Fail every task of a body that is a group; nobody would run them."""
        cause = exc.__cause__ if isinstance(exc, ChordError) and exc.__cause__ else exc
        try:
            frozen = callback.freeze()
            common = maybe_list(callback.options.get("link_error")) or []
            errbacks = dict(_result_errbacks(task, self.app) for task in callback.tasks)
            for result in frozen.results:
                self._fail_member(result, backend, cause, [*errbacks.get(result.id, ()), *common])
            if frozen.id:
                backend.mark_as_failure(frozen.id, cause)
            frozen.revoke()
        except Exception as error:
            logger.exception("the tasks of a chord's body could not all be failed, only the group is: %r", error)
            return backend.fail_from_current_stack(callback.id, exc=exc)
        return None

    def _fail_member(self, result: Any, backend: Any, cause: Any, errbacks: list[Any]) -> None:
        unique = [errback for place, errback in enumerate(errbacks) if errback not in errbacks[:place]]
        request = _create_fake_task_request(
            task_id=result.id, errbacks=unique, task_name=getattr(result, "task", "unknown")
        )
        try:
            try:
                backend._call_task_errbacks(request, cause, None)
            finally:
                backend.fail_from_current_stack(result.id, exc=cause)
        except Exception as error:
            logger.exception("Failed to handle chord error for task %s: %r", result.id, error)

    def fail_from_current_stack(self, task_id: Any, exc: Any = None) -> Any:
        """Store ``exc``, or the exception being handled, as the task's failure."""
        kind, current, frames = sys.exc_info()
        try:
            exc = current if exc is None else exc
            einfo = ExceptionInfo((kind, exc, frames))
            self.mark_as_failure(task_id, exc, einfo.traceback)
            return einfo
        finally:
            _clear(frames)
            del frames


def _clear(frames: Any) -> None:
    """Let go of the local variables of frames that are done."""
    while frames is not None:
        try:
            frames.tb_frame.clear()
        except RuntimeError:  # still running
            pass
        frames = frames.tb_next


def _result_errbacks(sig: Any, app: Any) -> tuple[Any, list[Any]]:
    """The id under which a signature's result will be, and the errbacks that belong to it."""
    from ..canvas import chord, group, maybe_signature

    sig = maybe_signature(sig, app=app)
    errbacks: list[Any] = []
    while isinstance(sig, chord) and sig.body is not None:
        errbacks.extend(maybe_list(sig.options.get("link_error")) or [])
        sig = maybe_signature(sig.body, app=app)
    errbacks.extend(maybe_list(sig.options.get("link_error")) or [])
    if isinstance(sig, group):
        for task in sig.tasks:
            errbacks.extend(_result_errbacks(task, app)[1])
    return sig.options.get("task_id"), errbacks
