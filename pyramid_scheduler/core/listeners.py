"""Who is told about events. A listener that raises harms nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .event import Event, EventType

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listener:
    """One callable and what it wants to hear of; it is called with the event, then ``args`` and ``kwargs``."""

    call: Callable[..., Any]
    events: EventType
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    listens: Callable[[], bool] | None = None  # asked before an event is made for this listener alone


class Listeners:
    """The listeners of one scheduler; ``emit`` may be called from any thread."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._wants: tuple[tuple[int, Callable[[], bool] | None], ...] = ()  # asked several times for each job

    def want(self, type_: EventType) -> bool:
        """Whether anybody listens to such events now: most jobs run unobserved, and need not be told about."""
        if not self._wants:
            return False
        bits = type_.value
        return any(wanted & bits and (listens is None or listens()) for wanted, listens in self._wants)

    def add(self, listener: Listener) -> None:
        self._become((*self._listeners, listener))

    def remove(self, call: Callable[..., Any]) -> None:
        self._become(tuple(listener for listener in self._listeners if listener.call is not call))

    def _become(self, listeners: tuple[Listener, ...]) -> None:
        self._listeners = listeners
        self._wants = tuple((one.events.value, one.listens) for one in listeners)

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            if listener.events.value & event.type.value:
                _tell(listener, event)


def _tell(listener: Listener, event: Event) -> None:
    try:
        listener.call(event, *listener.args, **listener.kwargs)
    except Exception:
        log.exception(
            "listener %r raised on %s of job %s; the job is not affected", listener.call, event.type.name, event.job_id
        )
