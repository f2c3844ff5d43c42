"""Results of groups, kept by the group's id."""

from __future__ import annotations

from typing import Any

from .retrying import Retrying


class Groups(Retrying):
    """The part of a backend that saves and restores group results."""

    app: Any
    _cache: Any

    def _ensure_not_eager(self) -> None:
        raise NotImplementedError

    def save_group(self, group_id: Any, result: Any) -> Any:
        return self._ensure_retryable(self._save_group, group_id, result)

    def restore_group(self, group_id: Any, cache: bool = True) -> Any:
        """The saved result of a group, or None."""
        meta = self.get_group_meta(group_id, cache=cache)
        return meta["result"] if meta else None

    def get_group_meta(self, group_id: Any, cache: bool = True) -> Any:
        self._ensure_not_eager()
        if cache and group_id in self._cache:
            return self._cache[group_id]
        meta = self._ensure_retryable(self._restore_group, group_id)
        if cache and meta is not None:
            self._cache[group_id] = meta
        return meta

    def reload_group_result(self, group_id: Any) -> None:
        self._cache[group_id] = self.get_group_meta(group_id, cache=False)

    def delete_group(self, group_id: Any) -> Any:
        self._cache.pop(group_id, None)
        return self._ensure_retryable(self._delete_group, group_id)

    def _save_group(self, group_id: Any, result: Any) -> Any:
        raise NotImplementedError("backend does not keep the results of groups.")

    def _restore_group(self, group_id: Any) -> Any:
        raise NotImplementedError("backend does not keep the results of groups.")

    def _delete_group(self, group_id: Any) -> Any:
        raise NotImplementedError("backend does not keep the results of groups.")
