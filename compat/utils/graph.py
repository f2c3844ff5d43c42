"""Graphs of what depends on what, sorted and drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar

__all__ = ("CycleError", "DependencyGraph", "GraphFormatter")


class DependencyGraph:
    """Objects and what each depends on."""

    def __init__(self, it: Iterable[Any] | None = None, formatter: Any = None) -> None:
        self.formatter = formatter or GraphFormatter()
        self.adjacent: dict[Any, list[Any]] = {}
        self.update(it or ())

    def add_arc(self, obj: Any) -> None:
        self.adjacent.setdefault(obj, [])

    def add_edge(self, A: Any, B: Any) -> None:
        """``A`` depends on ``B``."""
        self[A].append(B)

    def connect(self, graph: DependencyGraph) -> None:
        """Take in another graph."""
        self.adjacent.update(graph.adjacent)

    def update(self, it: Iterable[Any]) -> None:
        """Take in pairs of an object and what it depends on."""
        pairs = list(it)
        for obj, _ in pairs:
            self.add_arc(obj)
        for obj, needed in pairs:
            for dependency in needed:
                self.add_edge(obj, dependency)

    def topsort(self) -> list[Any]:
        """All objects, each after those it depends on; raises CycleError where one depends on itself."""
        return list(TopologicalSorter(self.adjacent).static_order())

    def valency_of(self, obj: Any) -> int:
        """How many edges lead from ``obj`` on, all the way."""
        below = self.adjacent.get(obj, [])
        return len(below) + sum(self.valency_of(node) for node in below)

    def edges(self) -> Iterator[Any]:
        return (obj for obj, needed in self.items() if needed)

    def to_dot(self, fh: Any, formatter: Any = None) -> None:
        """Write the graph in DOT form."""
        draw = formatter or self.formatter
        drawn: set[Any] = set()

        def once(node: Callable[[Any], str], obj: Any) -> None:
            if draw.label(obj) not in drawn:
                drawn.add(draw.label(obj))
                print(node(obj), file=fh)

        print(draw.head(), file=fh)
        for obj, needed in self.items():
            if not needed:
                once(draw.terminal_node, obj)
            for dependency in needed:
                once(draw.node, obj)
                print(draw.edge(obj, dependency), file=fh)
        print(draw.tail(), file=fh)

    def format(self, obj: Any) -> Any:
        return self.formatter(obj) if callable(self.formatter) else obj

    def items(self) -> Any:
        return self.adjacent.items()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.adjacent)

    def __getitem__(self, node: Any) -> list[Any]:
        return self.adjacent[node]

    def __len__(self) -> int:
        return len(self.adjacent)

    def __contains__(self, obj: object) -> bool:
        return obj in self.adjacent

    def __repr__(self) -> str:
        return "\n".join(self.repr_node(node) for node in self)

    def repr_node(self, obj: Any, level: int = 1, fmt: str = "{0}({1})") -> str:
        """``obj`` with what hangs on it, indented."""
        lines = [fmt.format(obj, self.valency_of(obj))]
        for other in self.adjacent.get(obj, []):
            lines.append("     " * level + fmt.format(other, self.valency_of(other)))
            lines.extend(self.repr_node(other, level + 1).split("\n")[1:])
        return "\n".join(lines)


class GraphFormatter:
    """How a graph is drawn; subclasses change ``label`` and the schemes."""

    scheme: ClassVar[dict[str, Any]] = {"shape": "box", "style": "filled"}
    edge_scheme: ClassVar[dict[str, Any]] = {"color": "darkseagreen4"}
    node_scheme: ClassVar[dict[str, Any]] = {"fillcolor": "palegreen3"}
    term_scheme: ClassVar[dict[str, Any]] = {"fillcolor": "palegreen1"}
    graph_scheme: ClassVar[dict[str, Any]] = {"bgcolor": "white"}

    def __init__(self, root: Any = None, type: str | None = None, id: str | None = None, **scheme: Any) -> None:
        self.id = id or "dependencies"
        self.root = root
        self.type = type or "digraph"
        self.look = {**self.scheme, **scheme}

    def label(self, obj: Any) -> Any:
        return obj

    def attrs(self, given: dict[str, Any], scheme: dict[str, Any]) -> str:
        return ", ".join(f'{name}="{value}"' for name, value in {**self.look, **scheme, **given}.items())

    def head(self, **attrs: Any) -> str:
        return f"{self.type} {self.id} {{\n    graph [{self.attrs(attrs, self.graph_scheme)}]"

    def tail(self) -> str:
        return "}"

    def node(self, obj: Any, **attrs: Any) -> str:
        return self._node(obj, self.attrs(attrs, self.node_scheme))

    def terminal_node(self, obj: Any, **attrs: Any) -> str:
        return self._node(obj, self.attrs(attrs, self.term_scheme))

    def _node(self, obj: Any, attrs: str) -> str:
        return f'    "{self.label(obj)}" [{attrs}]'

    def edge(self, a: Any, b: Any, **attrs: Any) -> str:
        arrow = "->" if self.type == "digraph" else "--"
        return f'    "{self.label(a)}" {arrow} "{self.label(b)}" [{self.attrs(attrs, self.edge_scheme)}]'
