"""Stamps: headers that are put on every task of a canvas."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from copy import deepcopy
from typing import Any, Self

from ..utils.functional import maybe_list

Headers = dict[str, Any]


class StampingVisitor(metaclass=ABCMeta):
    """Says which stamps each part of a canvas gets: every method returns a dict of them.

    A ``stamped_headers`` among them names those of the keys that are stamps; without it all are.
    """

    @abstractmethod
    def on_signature(self, sig: Any, **headers: Any) -> Any:
        """Any signature at all."""

    def on_group_start(self, group: Any, **headers: Any) -> Any:
        return {}

    def on_group_end(self, group: Any, **headers: Any) -> None:
        """All tasks of the group are stamped."""

    def on_chain_start(self, chain: Any, **headers: Any) -> Any:
        return {}

    def on_chain_end(self, chain: Any, **headers: Any) -> None:
        """All tasks of the chain are stamped."""

    def on_chord_header_start(self, sig: Any, **header: Any) -> Any:
        """The chord whose header comes; the header is stamped as a group, unless this says otherwise."""
        from .kinds import is_group, kind

        if not is_group(sig.tasks):
            sig.tasks = kind("group")(sig.tasks)
        return self.on_group_start(sig.tasks, **header)

    def on_chord_header_end(self, sig: Any, **header: Any) -> None:
        self.on_group_end(sig.tasks, **header)

    def on_chord_body(self, sig: Any, **header: Any) -> Any:
        return {}

    def on_callback(self, callback: Any, **header: Any) -> Any:
        return {}

    def on_errback(self, errback: Any, **header: Any) -> Any:
        return {}


def _merge_dictionaries(d1: Headers, d2: Headers | None, aggregate_duplicates: bool = True) -> None:
    """Put into ``d1`` what it lacks of ``d2``; lists under one key are joined.

    Of other values under one key ``d1`` keeps its own, or, with ``aggregate_duplicates``, both as a list.
    """
    for key, value in (d2 or {}).items():
        if key not in d1:
            d1[key] = value
            continue
        own = d1[key]
        if isinstance(own, dict):
            _merge_dictionaries(own, value, aggregate_duplicates)
            continue
        if aggregate_duplicates and isinstance(own, (int, float, str)):
            own = d1[key] = [own]
        if isinstance(own, list) and isinstance(value, list):
            own.extend(value)
        elif aggregate_duplicates:
            d1[key] = [*(own or []), value]


def _with_names(stamps: Headers) -> Headers:
    return stamps if "stamped_headers" in stamps else {**stamps, "stamped_headers": list(stamps)}


class Stamped:
    """How a signature takes stamps: they are options, and ``stamped_headers`` lists their names."""

    options: Any
    app: Any
    _app: Any

    def set(self, immutable: bool | None = None, **options: Any) -> Self:
        raise NotImplementedError

    def _stamp_headers(
        self,
        visitor_headers: Headers | None = None,
        append_stamps: bool = False,
        self_headers: bool = True,
        **headers: Any,
    ) -> Headers:
        """``headers`` with the visitor's stamps and (``self_headers``) those the signature has."""
        stamps = _with_names(headers)
        if visitor_headers is not None:
            _merge_dictionaries(stamps, _with_names(visitor_headers), append_stamps)
        if self_headers:
            names = {*(stamps["stamped_headers"] or ()), *(self.options.get("stamped_headers") or ())}
            stamps["stamped_headers"] = list(names)
            own = {key: value for key, value in self.options.items() if key in names}
            _merge_dictionaries(stamps, own, append_stamps)
        stamps["stamped_headers"] = list(set(stamps["stamped_headers"]))
        return stamps

    def stamp(self, visitor: Any = None, append_stamps: bool = False, **headers: Any) -> Any:
        """Put ``headers`` and what the visitor says on this signature, its callbacks and errbacks.

        A stamp that is there already stays; with ``append_stamps`` both are kept, as a list.
        """
        self.stamp_links(visitor, append_stamps, **headers)
        said = None if visitor is None else visitor.on_signature(self, **headers) or {}
        return self.set(**self._stamp_headers(said, append_stamps, **headers))

    def stamp_links(self, visitor: Any, append_stamps: bool = False, **headers: Any) -> None:
        """Stamp callbacks and errbacks; they do not inherit the stamps of this signature."""
        for option, method in (("link", "on_callback"), ("link_error", "on_errback")):
            stamps = deepcopy(headers)
            for item in maybe_list(self.options.get(option)) or []:
                link = self._signature(item)
                said = None if visitor is None else getattr(visitor, method)(link, **stamps) or {}
                stamps = self._stamp_headers(said, append_stamps, self_headers=False, **stamps)
                link.stamp(visitor, append_stamps, **stamps)

    def _signature(self, item: Any) -> Any:
        from .signature import maybe_signature

        return maybe_signature(item, app=self.app)

    def _stamp_all(self, tasks: Any, visitor: Any, append_stamps: bool, headers: Headers) -> Any:
        """Stamp each task; those a generator has not made yet when it makes them. Returns the tasks."""
        from .signature import maybe_signature

        is_lazy = hasattr(tasks, "map")
        app = self._app if is_lazy else self.app  # ``self.app`` may ask the first task: from within the generator

        def stamped(task: Any) -> Any:
            task = maybe_signature(task, app=app)
            task.stamp(visitor, append_stamps, **headers)
            return task

        if not is_lazy:
            return [stamped(task) for task in tasks]
        tasks.map(stamped)
        return tasks
