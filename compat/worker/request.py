"""A run as signals and remote control show it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from signal import SIGUSR1
from typing import Any

from pyramid_scheduler.api import Message, Run

from .._state import get_current_task
from ..app.request import Context, Unread, custom_headers
from ..platforms.signalling import signal_asked_for

#: Header of a message that a task has sent back by ``Reject(requeue=True)``.
REQUEUED = "ps-requeued"


class Request(Unread):
    """What a worker knows about one message. It catches what the run sends to be run again."""

    time_start: float | None = None
    sent_again: Sequence[Message] = ()
    missed = False
    _terminate: Any = None

    def __init__(self, run: Run, app: Any, hostname: str, task: Any = None) -> None:
        self.run = run
        self.app = app
        self.hostname = hostname
        self.task = task
        self.id = run.id
        self.name = run.headers.get("shadow") or run.task

    def context(self) -> Context:
        """What becomes ``self.request``."""
        if self.seen is None:
            self.seen = Context.over(task_request(self.run, self.hostname))
        return self.seen

    def wants(self, headers: Mapping[str, Any]) -> bool:
        """Whether a message with these headers is the run's next attempt."""
        return headers.get("id") == self.id and headers.get("retries") == self._counted() + 1

    def _counted(self) -> int:
        """The retries by the task's own count, which one that merely waits for its turn may have put back."""
        task = get_current_task()
        request = None if task is None else task.request
        return self.run.retries if request is None or request.id != self.id else int(request.retries)

    def catch(self, message: Message) -> None:
        self.sent_again = (*self.sent_again, message)

    args = property(lambda self: self.run.args)
    kwargs = property(lambda self: self.run.kwargs)

    @property
    def headers(self) -> Mapping[str, Any]:
        return self.run.headers

    request_dict = headers
    delivery_info = property(lambda self: delivery_info(self.run))
    task_id = property(lambda self: self.id)
    task_name = property(lambda self: self.name)
    type = property(lambda self: self.run.task)

    def __getattr__(self, name: str) -> Any:
        run = self.__dict__.get("run")
        if run is not None:
            wire_name = _ON_THE_WIRE.get(name, name)
            for found in (run.headers, run.embed):  # callbacks, errbacks, chain and chord are in the body
                if wire_name in found:
                    return found[wire_name]
        raise AttributeError(name)

    @property
    def stamps(self) -> dict[str, Any]:
        names = self.run.headers.get("stamped_headers") or ()
        stamps = self.run.headers.get("stamps") or {}
        return {name: stamps.get(name) for name in names}

    @property
    def correlation_id(self) -> Any:
        return self.run.delivery.properties.get("correlation_id")

    @property
    def reply_to(self) -> Any:
        return self.run.delivery.properties.get("reply_to")

    @property
    def acknowledged(self) -> bool:
        return self.time_start is not None and not (self.task is not None and self.task.acks_late)

    @property
    def worker_pid(self) -> int | None:
        return None if self.time_start is None else os.getpid()

    def terminate(self, pool: Any = None, signal: Any = None) -> None:
        """End the run: with its process where it has one to itself, else by raising in its thread.

        SIGUSR1 asks it to end by itself: SoftTimeLimitExceeded is raised in the task.
        """
        wiring, signum = self.app.pipeline.scheduler.wiring, signal_asked_for(signal)
        if signum == SIGUSR1:
            wiring.interrupt(self.id)
        else:
            wiring.terminate(self.id, signum)

    def info(self, safe: bool = False) -> dict[str, Any]:
        """For ``inspect``."""
        return {
            "id": self.id,
            "name": self.name,
            "args": self.headers.get("argsrepr") if safe else self.args,
            "kwargs": self.headers.get("kwargsrepr") if safe else self.kwargs,
            "type": self.type,
            "hostname": self.hostname,
            "time_start": self.time_start,
            "acknowledged": self.acknowledged,
            "delivery_info": self.delivery_info,
            "worker_pid": self.worker_pid,
        }

    def humaninfo(self) -> str:
        return f"{self.name}[{self.id}]"

    __str__ = humaninfo

    def __repr__(self) -> str:
        args, kwargs = self.headers.get("argsrepr"), self.headers.get("kwargsrepr")
        return f"<{type(self).__name__}: {self.humaninfo()} {args} {kwargs}>"


def shown_name(headers: Mapping[str, Any], task: str) -> str:
    """The task's name for people: the shadow name, where the call has one."""
    return headers.get("shadow") or task


def headers_told(headers: Mapping[str, Any]) -> dict[str, Any]:
    """What an event tells of a message that was received."""
    told = {name: headers.get(name) for name in ("root_id", "parent_id", "retries", "eta", "expires")}
    return {**told, "args": headers.get("argsrepr"), "kwargs": headers.get("kwargsrepr")}


_ON_THE_WIRE = {"parent": "parent_id", "root": "root_id"}


def delivery_info(run: Run) -> dict[str, Any]:
    """How the message came: as from the default exchange."""
    delivery = run.delivery
    return {
        "exchange": "",
        "routing_key": delivery.queue,
        "priority": delivery.properties.get("priority"),
        "redelivered": delivery.redelivered or REQUEUED in run.headers,
    }


def task_request(run: Run, hostname: str) -> dict[str, Any]:
    """What becomes ``self.request``."""
    properties = run.delivery.properties
    said = {
        "headers": custom_headers(run.headers),
        **run.headers,
        **run.embed,
        "args": run.args,
        "kwargs": run.kwargs,
        "called_directly": False,
        "hostname": hostname,
        "is_eager": False,
        "delivery_info": delivery_info(run),
        "properties": dict(properties),
        "reply_to": properties.get("reply_to"),
        "correlation_id": properties.get("correlation_id"),
    }
    if run.job_id != run.id:  # a run of a periodic task
        said["root_id"] = run.id
    return said
