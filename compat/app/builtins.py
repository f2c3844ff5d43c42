"""The tasks every app has."""

from __future__ import annotations

from typing import Any

from .._state import connect_on_app_finalize
from ..exceptions import Retry
from ..utils.log import get_logger

logger = get_logger("celery.app.builtins")


@connect_on_app_finalize
def add_backend_cleanup_task(app: Any) -> Any:
    """Removes expired results; beat runs it daily where the backend does not forget by itself."""

    @app.task(name="celery.backend_cleanup", shared=False, lazy=False)  # type: ignore[untyped-decorator]
    def backend_cleanup() -> None:
        app.backend.cleanup()

    return backend_cleanup


@connect_on_app_finalize
def add_accumulate_task(app: Any) -> Any:
    """Gathers the results of a group that took a task's place."""

    @app.task(bind=True, name="celery.accumulate", shared=False, lazy=False)  # type: ignore[untyped-decorator]
    def accumulate(self: Any, *args: Any, **kwargs: Any) -> Any:
        index = kwargs.get("index")
        return args if index is None else args[index]

    return accumulate


@connect_on_app_finalize
def add_unlock_chord_task(app: Any) -> Any:
    """Waits for a chord's header, looking again and again, where the backend does not count by itself."""
    from ..result import result_from_tuple as make_result

    @app.task(  # type: ignore[untyped-decorator]
        name="celery.chord_unlock",
        max_retries=None,
        shared=False,
        default_retry_delay=app.conf.result_chord_retry_interval,
        ignore_result=True,
        lazy=False,
        bind=True,
    )
    def unlock_chord(
        self: Any,
        group_id: str,
        callback: Any,
        interval: Any = None,
        max_retries: Any = None,
        result: Any = None,
        Result: Any = app.AsyncResult,
        GroupResult: Any = app.GroupResult,
        result_from_tuple: Any = make_result,
        **kwargs: Any,
    ) -> None:
        from ..canvas import maybe_signature

        header = GroupResult(group_id, [result_from_tuple(part, app=app) for part in result], app=app)
        body = maybe_signature(callback, app=app)
        exchange_type = kwargs.pop("_chord_unlock_exchange_type", None)
        options = {} if exchange_type is None else {"exchange_type": exchange_type}
        countdown = self.default_retry_delay if interval is None else interval
        _require_ready(self, header, body, {"countdown": countdown, "max_retries": max_retries, **options})
        _run_body(app, header, body)

    return unlock_chord


def _require_ready(task: Any, header: Any, body: Any, options: dict[str, Any]) -> None:
    """Return when the header is ready; otherwise retry, and where that cannot be, fail the body."""
    unreadable: Exception | None = None
    try:
        try:
            ready = header.ready()
        except Exception as error:
            unreadable = error
            raise task.retry(exc=error, **options) from error
        if not ready:
            raise task.retry(**options)
    except Retry:
        raise
    except Exception as error:  # nobody would look again: the body must not be pending for ever
        logger.exception("Chord %r: chord_unlock could not be retried: %r", header.id, error)
        cause = getattr(error, "reason", None) or error
        reason = f"chord_unlock could not be retried: {cause!r}"
        if unreadable is not None and unreadable is not cause:
            reason += f" (after deps.ready() raised {unreadable!r})"
        _fail(task.app, body, reason, cause)
        raise


def _run_body(app: Any, header: Any, body: Any) -> None:
    from ..result import allow_join_result

    join = header.join_native if header.supports_native_join else header.join
    try:
        with allow_join_result():
            results = join(timeout=app.conf.result_chord_join_timeout, propagate=True)
    except Exception as error:
        culprit = next(header._failed_join_report(), None)
        reason = repr(error) if culprit is None else f"Dependency {culprit.id} raised {error!r}"
        logger.exception("Chord %r raised: %r", header.id, error)
        _fail(app, body, reason, error)
        return
    try:
        app.amqp._retry_publish(body.delay, results)
    except Exception as error:
        logger.exception("Chord %r raised: %r", header.id, error)
        _fail(app, body, f"Callback error: {error!r}", error)


def _fail(app: Any, body: Any, reason: str, cause: Any) -> None:
    from ..exceptions import ChordError

    error = ChordError(reason)
    error.__cause__ = cause if isinstance(cause, BaseException) else None
    app.backend.chord_error_from_stack(callback=body, exc=error)


@connect_on_app_finalize
def add_map_task(app: Any) -> Any:
    @app.task(name="celery.map", shared=False, lazy=False)  # type: ignore[untyped-decorator]
    def xmap(task: Any, it: Any) -> Any:
        from ..canvas import signature

        call = signature(task, app=app).type
        return [call(item) for item in it]

    return xmap


@connect_on_app_finalize
def add_starmap_task(app: Any) -> Any:
    @app.task(name="celery.starmap", shared=False, lazy=False)  # type: ignore[untyped-decorator]
    def xstarmap(task: Any, it: Any) -> Any:
        from ..canvas import signature

        call = signature(task, app=app).type
        return [call(*item) for item in it]

    return xstarmap


@connect_on_app_finalize
def add_chunk_task(app: Any) -> Any:
    @app.task(name="celery.chunks", shared=False, lazy=False)  # type: ignore[untyped-decorator]
    def chunks(task: Any, it: Any, n: int) -> Any:
        from ..canvas import chunks as chunked

        return chunked.apply_chunks(task, it, n)

    return chunks


@connect_on_app_finalize
def add_group_task(app: Any) -> Any:
    """Only for messages of old Celery versions."""

    @app.task(name="celery.group", bind=True, shared=False, lazy=False)  # type: ignore[untyped-decorator]
    def group(self: Any, tasks: Any, result: Any, group_id: str, partial_args: Any, add_to_parent: bool = True) -> Any:
        from ..canvas import maybe_signature
        from ..result import result_from_tuple

        found = result_from_tuple(result, self.app)
        with self.app.producer_or_acquire() as producer:
            for task in tasks:
                call = maybe_signature(task, app=self.app).clone(partial_args)
                call.apply_async(group_id=group_id, producer=producer, add_to_parent=False)
        parent = self.app.current_worker_task
        if add_to_parent and parent:
            parent.add_trail(found)
        return found

    return group


@connect_on_app_finalize
def add_chain_task(app: Any) -> Any:
    """Only a name: a chain is sent as its first task."""

    @app.task(name="celery.chain", shared=False, lazy=False)  # type: ignore[untyped-decorator]
    def chain(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("chain is not a real task")

    return chain


@connect_on_app_finalize
def add_chord_task(app: Any) -> Any:
    """Only for messages of old Celery versions, and for eager chords."""

    @app.task(  # type: ignore[untyped-decorator]
        name="celery.chord", bind=True, ignore_result=False, shared=False, lazy=False
    )
    def chord(
        self: Any,
        header: Any,
        body: Any,
        partial_args: Any = (),
        interval: Any = None,
        countdown: Any = 1,
        max_retries: Any = None,
        eager: bool = False,
        **kwargs: Any,
    ) -> Any:
        from .. import chord as chord_of
        from .. import group
        from ..canvas import maybe_signature

        tasks = header.tasks if isinstance(header, group) else header
        calls = group([maybe_signature(task, app=self.app) for task in tasks], app=self.app)
        last = maybe_signature(body, app=self.app)
        made = chord_of(calls, last)
        return made.run(calls, last, partial_args, self.app, interval, countdown, max_retries, **kwargs)

    return chord
