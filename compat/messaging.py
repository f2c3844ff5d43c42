"""Celery's old names for what makes connections and consumers."""

from __future__ import annotations

from .local import Proxy, getappattr

__all__ = ("TaskConsumer", "establish_connection", "get_consumer_set")

TaskConsumer = Proxy(getappattr, ("amqp.TaskConsumer",))
establish_connection = Proxy(getappattr, ("connection",))
get_consumer_set = Proxy(getappattr, ("amqp.TaskConsumer",))
