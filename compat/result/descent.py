"""The tasks that a task called, and those that they called."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ..exceptions import IncompleteStream
from ..utils.graph import DependencyGraph, GraphFormatter


class Descent:
    """A part of AsyncResult."""

    id: Any
    _get_task_meta: Any

    def collect(self, intermediate: bool = False, **kwargs: Any) -> Iterator[tuple[Any, Any]]:
        """(result, value) of this task, of those it called, of those they called …; waits for each."""
        for _, node in self.iterdeps(intermediate=intermediate):
            yield node, node.get(**kwargs)

    def get_leaf(self) -> Any:
        value = None
        for _, node in self.iterdeps():
            value = node.get()
        return value

    def iterdeps(self, intermediate: bool = False) -> Iterator[tuple[Any, Any]]:
        """(parent, result) pairs; raises IncompleteStream at one that is not ready, unless ``intermediate``."""
        queue: deque[tuple[Any, Any]] = deque([(None, self)])
        while queue:
            parent, node = queue.popleft()
            yield parent, node
            if node.ready():
                queue.extend((node, child) for child in node.children or [])
            elif not intermediate:
                raise IncompleteStream

    def build_graph(self, intermediate: bool = False, formatter: Any = None) -> Any:
        graph = DependencyGraph(formatter=formatter or GraphFormatter(root=self.id, shape="oval"))
        for parent, node in self.iterdeps(intermediate=intermediate):
            graph.add_arc(node)
            if parent:
                graph.add_edge(parent, node)
        return graph

    @cached_property
    def graph(self) -> Any:
        return self.build_graph()

    @property
    def children(self) -> Any:
        return self._get_task_meta().get("children")
