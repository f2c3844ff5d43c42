"""``app.control.inspect()``: asking workers."""

from __future__ import annotations

import warnings
from typing import Any

from kombu import matcher as matchers

from ..exceptions import DuplicateNodenameWarning
from ..utils.text import pluralize

#: Typed for bytes in kombu, and used with texts.
matches: Any = matchers.match


def flatten_reply(reply: Any) -> dict[str, Any]:
    """One dict from a list of ``{worker: answer}``; warns where two workers have one name."""
    nodes: dict[str, Any] = {}
    twice: set[str] = set()
    for item in reply:
        twice.update(name for name in item if name in nodes)
        nodes.update(item)
    if twice:
        text = (
            f"Received multiple replies from node {pluralize(len(twice), 'name')}: {', '.join(sorted(twice))}."
            " Give each worker a name of its own (-n)."
        )
        warnings.warn(DuplicateNodenameWarning(text), stacklevel=2)
    return nodes


class Inspect:
    """Each question returns ``{worker: answer}``, or None where nobody answers within ``timeout`` seconds."""

    app: Any = None

    def __init__(
        self,
        destination: Any = None,
        timeout: float = 1.0,
        callback: Any = None,
        connection: Any = None,
        app: Any = None,
        limit: int | None = None,
        pattern: str | None = None,
        matcher: str | None = None,
    ) -> None:
        self.app = app or self.app
        self.destination = destination
        self.timeout = timeout
        self.callback = callback
        self.connection = connection
        self.limit = limit
        self.pattern = pattern
        self.matcher = matcher

    def _prepare(self, reply: Any) -> Any:
        if not reply:
            return None
        by_node = flatten_reply(reply)
        if self.destination and not isinstance(self.destination, (list, tuple)):
            return by_node.get(self.destination)
        if self.pattern:
            return {node: said for node, said in by_node.items() if matches(node, self.pattern, self.matcher)}
        return by_node

    def _request(self, command: str, **kwargs: Any) -> Any:
        return self._prepare(
            self.app.control.broadcast(
                command,
                arguments=kwargs,
                destination=self.destination,
                callback=self.callback,
                connection=self.connection,
                limit=self.limit,
                timeout=self.timeout,
                reply=True,
                pattern=self.pattern,
                matcher=self.matcher,
            )
        )

    def report(self) -> Any:
        return self._request("report")

    def clock(self) -> Any:
        return self._request("clock")

    def active(self, safe: Any = None) -> Any:
        """The tasks that run."""
        return self._request("active", safe=safe)

    def scheduled(self, safe: Any = None) -> Any:
        """The tasks that wait for their time."""
        return self._request("scheduled")

    def reserved(self, safe: Any = None) -> Any:
        """The tasks that were received and do not run yet."""
        return self._request("reserved")

    def stats(self) -> Any:
        return self._request("stats")

    def revoked(self) -> Any:
        return self._request("revoked")

    def registered(self, *taskinfoitems: str) -> Any:
        """The names of the tasks, with these attributes."""
        return self._request("registered", taskinfoitems=taskinfoitems)

    registered_tasks = registered

    def ping(self, destination: Any = None) -> Any:
        if destination:
            self.destination = destination
        return self._request("ping")

    def active_queues(self) -> Any:
        return self._request("active_queues")

    def query_task(self, *ids: Any) -> Any:
        """What becomes of these tasks."""
        given = ids[0] if len(ids) == 1 and isinstance(ids[0], (list, tuple)) else ids
        return self._request("query_task", ids=given)

    def conf(self, with_defaults: bool = False) -> Any:
        return self._request("conf", with_defaults=with_defaults)

    def hello(self, from_node: str, revoked: Any = None) -> Any:
        return self._request("hello", from_node=from_node, revoked=revoked)

    def memsample(self) -> Any:
        return self._request("memsample")

    def memdump(self, samples: int = 10) -> Any:
        return self._request("memdump", samples=samples)

    def objgraph(self, type: str = "Request", n: int = 200, max_depth: int = 10) -> Any:
        return self._request("objgraph", num=n, max_depth=max_depth, type=type)
