"""What is called when a task has succeeded, or failed."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any, Self

from ..utils.functional import maybe_list


class Links:
    """The callbacks and errbacks among a signature's options."""

    options: Any

    def _with_list_option(self, key: str) -> Any:
        items = self.options.setdefault(key, [])
        if not isinstance(items, MutableSequence):
            items = self.options[key] = [items]
        return items

    def append_to_list_option(self, key: str, value: Any) -> Any:
        """Add to the list under that option, once; returns ``value``."""
        items = self._with_list_option(key)
        if value not in items:
            items.append(value)
        return value

    def extend_list_option(self, key: str, value: Any) -> None:
        self._with_list_option(key).extend(maybe_list(value))

    def link(self, callback: Any) -> Any:
        """Call it with the result when the task has succeeded; returns the callback."""
        return self.append_to_list_option("link", callback)

    def link_error(self, errback: Any) -> Any:
        """Call it when the task has failed; returns the errback."""
        return self.append_to_list_option("link_error", errback)

    def on_error(self, errback: Any) -> Self:
        """``link_error`` that returns the signature itself."""
        self.link_error(errback)
        return self
