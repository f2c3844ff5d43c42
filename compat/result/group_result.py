"""The results of a group: a set with an id."""

from __future__ import annotations

from typing import Any

from vine import Thenable

from .._state import current_app
from .result_set import ResultSet


@Thenable.register
class GroupResult(ResultSet):
    """What sending a group returns; ``save`` it and get it back by its id with ``restore``."""

    id: Any = None

    def __init__(self, id: Any = None, results: Any = None, parent: Any = None, **kwargs: Any) -> None:
        self.id = id
        self.parent = parent
        super().__init__(results, **kwargs)

    def save(self, backend: Any = None) -> Any:
        """Store it; ``GroupResult.restore(id)`` brings it back."""
        return (backend or self.app.backend).save_group(self.id, self)

    def delete(self, backend: Any = None) -> None:
        """Remove what ``save`` stored."""
        (backend or self.app.backend).delete_group(self.id)

    @classmethod
    def restore(cls, id: Any, backend: Any = None, app: Any = None) -> Any:
        """The saved result, or None."""
        bound = cls.__dict__.get("app") or cls.app
        app = app or (current_app if isinstance(bound, property) else bound)
        return (backend or app.backend).restore_group(id)

    @property
    def children(self) -> Any:
        return self.results

    def as_tuple(self) -> Any:
        """``((id, parent), results)``."""
        return (self.id, self.parent and self.parent.as_tuple()), [result.as_tuple() for result in self.results]

    def __reduce__(self) -> Any:
        return type(self), self.__reduce_args__()

    def __reduce_args__(self) -> Any:
        return self.id, self.results

    def __bool__(self) -> bool:
        return bool(self.id or self.results)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, GroupResult):
            return bool((other.id, other.results, other.parent) == (self.id, self.results, self.parent))
        return bool(other == self.id) if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.id)

    def __str__(self) -> str:
        return str(self.id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id} [{', '.join(result.id for result in self.results)}]>"
