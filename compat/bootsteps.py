"""Steps of your own, which a worker makes, starts and stops: ``app.steps["worker"]`` and ``app.steps["consumer"]``."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from kombu.common import ignore_errors

from .exceptions import ImproperlyConfigured
from .installing import refuse_the_real_one
from .utils.graph import CycleError, DependencyGraph
from .utils.imports import instantiate, qualname, symbol_by_name
from .utils.log import get_logger

__all__ = ("Blueprint", "ConsumerStep", "StartStopStep", "Step")
logger = get_logger("celery.bootsteps")

RUN, CLOSE, TERMINATE = 1, 2, 3

#: Celery's own steps that others may require: what they stand for is there before the first of ours starts.
GIVEN = frozenset(
    (
        *(f"celery.worker.components.{name}" for name in ("Timer", "Hub", "Pool", "Beat", "StateDB")),
        *(
            f"celery.worker.consumer{module}.{name}"
            for name in ("Connection", "Mingle", "Events", "Gossip", "Heart", "Control", "Tasks")
            for module in ("", f".{name.lower()}")
        ),
    )
)


class Step:
    """Something of a worker's, or of its consumer's. ``__init__`` may prepare the parent; it gets the options."""

    #: The class's own, unless said.
    name: Any = None
    label: Any = None
    conditional = False
    #: Steps, or their names, that start before this one.
    requires: Any = ()
    last = False
    enabled: Any = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = vars(cls).get("name") or f"{cls.__module__}.{cls.__name__}"

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        pass

    def include_if(self, parent: Any) -> Any:
        """Whether there is to be such a step."""
        return self.enabled

    def instantiate(self, name: Any, *args: Any, **kwargs: Any) -> Any:
        return instantiate(name, *args, **kwargs)

    def create(self, parent: Any) -> Any:
        """For subclasses: what a StartStopStep starts and stops."""

    def include(self, parent: Any) -> bool:
        return self._should_include(parent)[0]

    def _should_include(self, parent: Any) -> tuple[bool, Any]:
        return (True, self.create(parent)) if self.include_if(parent) else (False, None)

    def info(self, obj: Any) -> Any:
        """For ``inspect().stats()``: a dict, or nothing."""

    @property
    def alias(self) -> Any:
        return self.label or _last_word(self.name)

    def __repr__(self) -> str:
        return f"<step: {self.alias}>"


class StartStopStep(Step):
    """One that is started, and stopped in the reverse order; by default what its ``create`` returns."""

    obj: Any = None

    def start(self, parent: Any) -> Any:
        return self.obj.start() if self.obj else None

    def stop(self, parent: Any) -> Any:
        return self.obj.stop() if self.obj else None

    def close(self, parent: Any) -> Any:
        """Before the first one is stopped."""

    def terminate(self, parent: Any) -> Any:
        return getattr(self.obj, "terminate", self.obj.stop)() if self.obj else None

    def include(self, parent: Any) -> bool:
        included, made = self._should_include(parent)
        if included:
            self.obj = made
            parent.steps.append(self)
        return included


class ConsumerStep(StartStopStep):
    """Consumers of messages that are no tasks."""

    requires = ("celery.worker.consumer:Connection",)
    consumers: Any = None

    def get_consumers(self, channel: Any) -> Any:
        """For subclasses: kombu's Consumers on that channel."""
        raise NotImplementedError(f"{self.name} needs a method get_consumers(channel)")

    def start(self, parent: Any) -> None:
        self.consumers = self.get_consumers(parent.connection.channel())
        for consumer in self.consumers or ():
            consumer.consume()

    def stop(self, parent: Any) -> None:
        for consumer in self.consumers or ():
            ignore_errors(parent.connection, consumer.cancel)
        self.shutdown(parent)

    def shutdown(self, parent: Any) -> None:
        for channel in {consumer.channel for consumer in self.consumers or () if consumer.channel}:
            ignore_errors(parent.connection, channel.close)


class Blueprint:
    """The steps of a parent, in order: each after those that it requires. The parent has a list ``steps``."""

    name: Any = None
    state: int | None = None
    started = 0
    default_steps: Any = ()

    def __init__(
        self,
        steps: Iterable[Any] | None = None,
        name: str | None = None,
        on_start: Callable[[], Any] | None = None,
        on_close: Callable[[], Any] | None = None,
        on_stopped: Callable[[], Any] | None = None,
    ) -> None:
        self.name = name or self.name or qualname(type(self))
        self.types = {*(steps or ()), *self.default_steps}
        self.on_start, self.on_close, self.on_stopped = on_start, on_close, on_stopped
        self.shutdown_complete = threading.Event()
        self.steps: dict[str, Any] = {}
        self.order: list[Any] = []

    # Making them

    def apply(self, parent: Any, **kwargs: Any) -> Blueprint:
        """Make all steps, then include those that want to be."""
        self.steps = self.claim_steps()
        self.order = []
        for cls in self.in_order(list(self.steps.values())):
            step = self.steps[cls.name] = cls(parent, **kwargs)
            self.order.append(step)
        for step in self.order:
            step.include(parent)
        return self

    def claim_steps(self) -> dict[str, Any]:
        """The classes by name, with those that they require; raises ImproperlyConfigured for what cannot work."""
        claimed: dict[str, Any] = {}
        waiting = deque(sorted((one for one in self.types if not _is_given(one)), key=str))
        while waiting:
            name, cls = self.load_step(waiting.popleft())
            if name not in claimed:
                claimed[name] = cls
                waiting.extend(self._required(cls))
        return claimed

    def load_step(self, step: Any) -> tuple[str, Any]:
        """Its name and class, of either."""
        try:
            cls = symbol_by_name(step)
        except (ImportError, AttributeError) as error:
            raise ImproperlyConfigured(f"there is no step {step} here: {error}") from error
        refuse_the_real_one(cls)
        if hasattr(cls, "register_with_event_loop"):
            raise ImproperlyConfigured(
                f"{cls.name} wants to register with an event loop, which no worker here has: let its start() begin a"
                " thread, or use worker.timer"
            )
        return cls.name, cls

    def _required(self, cls: Any) -> list[Any]:
        return [self.load_step(one)[1] for one in cls.requires if not _is_given(one)]

    def in_order(self, classes: list[Any]) -> list[Any]:
        """Each after those that it requires; raises ImproperlyConfigured where there is no such order."""
        graph = DependencyGraph((cls, self._required(cls)) for cls in classes)
        for last in (cls for cls in classes if cls.last):
            for other in classes:
                if not other.last:
                    graph.add_edge(last, other)
        try:
            return graph.topsort()
        except CycleError as error:
            said = ", which waits for ".join(cls.name for cls in reversed(error.args[1]))
            raise ImproperlyConfigured(f"no order of steps to start in: {said} (see requires and last)") from error

    # Their life

    def start(self, parent: Any) -> None:
        """Raises what a step raises; the steps after it are not started then, and none is stopped."""
        self.state = RUN
        if self.on_start:
            self.on_start()
        for number, step in enumerate(parent.steps, 1):
            logger.debug("| %s: Starting %s", self.alias, step.alias)
            self.started = number
            step.start(parent)

    def stop(self, parent: Any, close: bool = True, terminate: bool = False) -> None:
        """Once, and only where all were started; what a step raises is logged."""
        if self.state in (CLOSE, TERMINATE):
            return
        if self.state == RUN and self.started == len(parent.steps):
            self.close(parent)
            self.state = CLOSE
            self.restart(parent, *(("terminate", "terminating") if terminate else ("stop", "stopping")))
            if self.on_stopped:
                self.on_stopped()
        self.state = TERMINATE
        self.shutdown_complete.set()

    def close(self, parent: Any) -> None:
        if self.on_close:
            self.on_close()
        self.send_all(parent, "close", "closing", reverse=False)

    def restart(
        self, parent: Any, method: str = "stop", description: str = "restarting", propagate: bool = False
    ) -> None:
        """Stop them, to be started again."""
        self.send_all(parent, method, description, propagate=propagate)

    def send_all(
        self,
        parent: Any,
        method: str,
        description: str | None = None,
        reverse: bool = True,
        propagate: bool = True,
        args: Any = (),
    ) -> None:
        """Call that method of all steps that have it."""
        doing = description or method.replace("_", " ")
        for step in list(reversed(parent.steps) if reverse else parent.steps):
            call = getattr(step, method, None)
            if call is None:
                continue
            logger.debug("| %s: %s %s...", self.alias, doing.capitalize(), step.alias)
            try:
                call(parent, *args)
            except Exception as error:
                if propagate:
                    raise
                logger.exception("Error on %s %s: %r", doing, step.alias, error)

    def join(self, timeout: float | None = None) -> None:
        """Wait until it is stopped."""
        self.shutdown_complete.wait(timeout)

    def info(self, parent: Any) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for step in parent.steps:
            said.update(step.info(parent) or {})
        return said

    def human_state(self) -> str:
        return ("initializing", "running", "closing", "terminating")[self.state or 0]

    @property
    def alias(self) -> str:
        return _last_word(self.name)

    def __getitem__(self, name: str) -> Any:
        return self.steps[name]


def _is_given(step: Any) -> bool:
    return isinstance(step, str) and step.replace(":", ".") in GIVEN


def _last_word(name: Any) -> str:
    return str(name).rpartition(".")[2]
