"""Looks at workers from outside."""

import celery as c
from celery.result import AsyncResult
from parcels import celery_app
from parcels.celery import app


def watch():
    state = app.events.State()
    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"task-failed": state.event})
        receiver.capture(limit=None, timeout=None)


def stop(task_id):
    app.control.revoke(task_id, terminate=True, signal="SIGKILL")
    celery_app.control.rate_limit("tracking.tasks.geocode", "1/m")
    c.current_app.control.revoke([task_id])
    return AsyncResult(task_id).state, app.control.inspect(timeout=2).active()
