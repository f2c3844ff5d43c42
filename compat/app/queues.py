"""The queues of an app: declared ones, and those made up when first named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from kombu.entity import Exchange, Queue
from kombu.utils.functional import maybe_list

from ..utils.text import indent as indented

_LINE = ".> {0.name:<16} exchange={0.exchange.name}({0.exchange.type}) key={0.routing_key}"


class Queues(dict[str, Any]):
    """Name to kombu Queue. An unknown name makes a queue, or (``create_missing=False``) raises KeyError."""

    def __init__(
        self,
        queues: Any = None,
        default_exchange: Any = None,
        create_missing: bool = True,
        create_missing_queue_type: str | None = None,
        create_missing_queue_exchange_type: str | None = None,
        autoexchange: Callable[[str], Any] | None = None,
        max_priority: int | None = None,
        default_routing_key: str | None = None,
    ) -> None:
        super().__init__()
        self.aliases: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self.default_exchange = default_exchange
        self.default_routing_key = default_routing_key
        self.create_missing = create_missing
        self.create_missing_queue_type = create_missing_queue_type
        self.create_missing_queue_exchange_type = create_missing_queue_exchange_type
        self.autoexchange = Exchange if autoexchange is None else autoexchange
        self.max_priority = max_priority
        self._consume_from: dict[str, Any] | None = None
        self._add_all(queues or {})
        self._default_consume_from = {**self}

    def _add_all(self, queues: Any) -> None:
        named = queues if isinstance(queues, Mapping) else {queue.name: queue for queue in queues}
        for name, queue in named.items():
            if isinstance(queue, Queue):
                self.add(queue)
            else:
                self.add_compat(name, **queue)

    def __getitem__(self, name: str) -> Any:
        return self.aliases[name] if name in self.aliases else super().__getitem__(name)

    def __setitem__(self, name: str, queue: Any) -> None:
        if self.default_exchange and not queue.exchange:
            queue.exchange = self.default_exchange
        if not queue.routing_key:
            queue.routing_key = self.default_routing_key
        if self.max_priority is not None:
            queue.queue_arguments = {"x-max-priority": self.max_priority, **(queue.queue_arguments or {})}
        super().__setitem__(name, queue)
        if queue.alias:
            self.aliases[queue.alias] = queue

    def __missing__(self, name: str) -> Any:
        if not self.create_missing:
            raise KeyError(name)
        return self.add(self.new_missing(name))

    def add(self, queue: Any, **kwargs: Any) -> Any:
        """Add a Queue, or one described by its name and options."""
        return self._add(queue) if isinstance(queue, Queue) else self.add_compat(queue, **kwargs)

    def add_compat(self, name: str, **options: Any) -> Any:
        key = options.get("routing_key", options.get("binding_key"))
        return self._add(Queue.from_dict(name, **{**options, "routing_key": name if key is None else key}))

    def _add(self, queue: Any) -> Any:
        if self.default_exchange and (queue.exchange is None or queue.exchange.name == ""):
            queue.exchange = self.default_exchange
        self[queue.name] = queue
        return queue

    def select_add(self, queue: Any, **kwargs: Any) -> Any:
        """Add a queue that this worker takes from, whatever else is selected."""
        added = self.add(queue, **kwargs)
        self.consume_from[added.name] = added
        return added

    def select(self, include: Any) -> None:
        """Take from these queues only."""
        if include:
            chosen = [self[name] for name in maybe_list(include)]
            self._consume_from = {queue.name: queue for queue in chosen}

    def deselect(self, exclude: Any) -> None:
        """Do not take from these."""
        for name in maybe_list(exclude) or ():
            queue = self.aliases.get(name)
            self.consume_from.pop(name if queue is None else queue.name, None)

    def new_missing(self, name: str) -> Any:
        kind = self.create_missing_queue_type
        if kind and kind not in ("classic", "quorum"):
            raise ValueError(f"Invalid queue type '{kind}'. Valid types are 'classic' and 'quorum'.")
        exchange_type = self.create_missing_queue_exchange_type
        exchange = Exchange(name, exchange_type) if exchange_type else self.autoexchange(name)
        arguments = {"x-queue-type": kind} if kind == "quorum" else None
        return Queue(name, exchange, name, queue_arguments=arguments)

    @property
    def consume_from(self) -> dict[str, Any]:
        """The queues this worker takes from."""
        return self._default_consume_from if self._consume_from is None else self._consume_from

    def format(self, indent: int = 0, indent_first: bool = True) -> str:
        """The queues as text, a line each."""
        lines = [_LINE.format(queue) for _, queue in sorted(self.consume_from.items())]
        return _indent(lines, indent, indent_first) if lines else ""


def _indent(lines: Iterable[str], width: int, first_too: bool) -> str:
    first, *rest = lines
    if first_too:
        return indented("\n".join([first, *rest]), width)
    return "\n".join([first, indented("\n".join(rest), width)])
