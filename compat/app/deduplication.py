"""Redelivered messages of tasks that have succeeded already (``worker_deduplicate_successful_tasks``)."""

from __future__ import annotations

from typing import Any

from .. import states
from ..exceptions import BackendGetMetaError, Reject
from ..utils.log import get_logger
from . import trace
from .following import dispatch_follow_ups
from .outcomes import get_task_name

logger = get_logger("celery.app.trace")


def was_successful(app: Any, task: Any, request: Any, uuid: str) -> bool:
    """Whether its result is stored; follow-ups that were not sent then are sent now. Raises Reject to try again."""
    from ..worker.state import successful_requests

    if request.id in successful_requests:
        return True
    result = app.AsyncResult(request.id)
    try:
        if result.state != states.SUCCESS:
            return False
    except BackendGetMetaError:
        return False
    said = {
        "id": request.id,
        "name": get_task_name(request, task.name),
        "description": "Task already completed successfully.",
    }
    logger.info(trace.LOG_IGNORED, said, extra={"data": said})
    try:
        meta = result._get_task_meta()
        if not meta.get("children"):
            task.request_stack.push(request)
            try:
                dispatch_follow_ups(app, request, meta.get("result"), uuid)
            finally:
                task.request_stack.pop()
        successful_requests.add(request.id)
    except MemoryError:
        raise
    except Exception as error:
        logger.error("the follow-ups of %s could not be sent: it is delivered again", request.id, exc_info=True)
        raise Reject(error, requeue=True) from error
    return True
