"""Backends on stores of keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from kombu.utils.encoding import bytes_to_str, ensure_bytes

from .. import states
from ..exceptions import BackendStoreError
from ..result import result_from_tuple
from .backend import Backend
from .chord_counting import ChordCounting
from .polling import Naps, SyncBackendMixin

_SEPARATORS = ":_-."


class BaseKeyValueStoreBackend(ChordCounting, Backend):
    """A subclass says how to ``get``, ``set``, ``mget`` and ``delete``."""

    key_t: Any = staticmethod(ensure_bytes)
    task_keyprefix: Any = "celery-task-meta-"
    group_keyprefix: Any = "celery-taskset-meta-"
    chord_keyprefix: Any = "chord-unlock-"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._chord_expires = self.app.conf.get("result_chord_expires")
        self._add_global_keyprefix()
        self._encode_prefixes()

    @property
    def chord_expires(self) -> Any:
        """Seconds for which the state of a chord is kept."""
        return self.expires if self._chord_expires is None else self.prepare_expires(self._chord_expires, type=int)

    @property
    def _chord_result_expires(self) -> Any:
        """What users read, too, is kept at least as long as any result; 0 for ever."""
        expires = self.chord_expires
        return max(expires, self.expires) if expires and self.expires else 0

    def _add_global_keyprefix(self) -> None:
        prefix = (self.app.conf.get("result_backend_transport_options") or {}).get("global_keyprefix")
        if not prefix:
            return
        prefix = prefix if prefix[-1] in _SEPARATORS else f"{prefix}_"
        self.task_keyprefix = f"{prefix}{self.task_keyprefix}"
        self.group_keyprefix = f"{prefix}{self.group_keyprefix}"
        self.chord_keyprefix = f"{prefix}{self.chord_keyprefix}"

    def _encode_prefixes(self) -> None:
        self.task_keyprefix = self.key_t(self.task_keyprefix)
        self.group_keyprefix = self.key_t(self.group_keyprefix)
        self.chord_keyprefix = self.key_t(self.chord_keyprefix)

    # The store

    def get(self, key: Any) -> Any:
        raise NotImplementedError("Must implement the get method.")

    def mget(self, keys: Any) -> Any:
        """The values of many keys: a list in their order, or a dict."""
        raise NotImplementedError("Does not support get_many")

    def set(self, key: Any, value: Any) -> Any:
        raise NotImplementedError("Must implement the set method.")

    def _set_with_state(self, key: Any, value: Any, state: str) -> Any:
        return self.set(key, value)

    def delete(self, key: Any) -> Any:
        raise NotImplementedError("Must implement the delete method")

    def incr(self, key: Any) -> Any:
        raise NotImplementedError("Does not implement incr")

    def expire(self, key: Any, value: Any) -> Any:
        """Forget the key after that many seconds, where the store can."""

    # Keys

    def get_key_for_task(self, task_id: Any, key: Any = "") -> Any:
        return self._get_key_for(self.task_keyprefix, "task_id", task_id, key)

    def get_key_for_group(self, group_id: Any, key: Any = "") -> Any:
        return self._get_key_for(self.group_keyprefix, "group_id", group_id, key)

    def get_key_for_chord(self, group_id: Any, key: Any = "") -> Any:
        return self._get_key_for(self.chord_keyprefix, "group_id", group_id, key)

    def _get_key_for(self, prefix: Any, what: str, id: Any, key: Any) -> Any:
        if not id:
            raise ValueError(f"{what} must not be empty. Got {id} instead.")
        name = str(id) if isinstance(id, UUID) else id
        return self.key_t("").join([prefix, self.key_t(name), self.key_t(key)])

    def _strip_prefix(self, key: Any) -> str:
        whole = self.key_t(key)
        for prefix in (self.task_keyprefix, self.group_keyprefix):
            if whole.startswith(prefix):
                return bytes_to_str(whole[len(prefix) :])  # type: ignore[no-any-return]
        return bytes_to_str(whole)  # type: ignore[no-any-return]

    # Tasks

    def _get_task_meta_for(self, task_id: Any) -> Any:
        stored = self.get(self.get_key_for_task(task_id))
        return self.decode_result(stored) if stored else {"status": states.PENDING, "result": None}

    def task_result_exists(self, task_id: Any) -> bool:
        return bool(self.get(self.get_key_for_task(task_id)))

    def _store_result(
        self, task_id: Any, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        meta = self._get_result_meta(result=result, state=state, traceback=traceback, request=request)
        meta["task_id"] = bytes_to_str(task_id)
        # A task that runs once more (its worker was thought lost) must not take back a success.
        if self._get_task_meta_for(task_id)["status"] == states.SUCCESS:
            return result
        try:
            self._set_with_state(self.get_key_for_task(task_id), self.encode(meta), state)
        except BackendStoreError as error:
            raise BackendStoreError(str(error), state=state, task_id=task_id) from error
        return result

    def _forget(self, task_id: Any) -> None:
        self.delete(self.get_key_for_task(task_id))

    def get_many(
        self,
        task_ids: Any,
        timeout: float | None = None,
        interval: float | None = 0.5,
        no_ack: bool = True,
        on_message: Any = None,
        on_interval: Any = None,
        max_iterations: int | None = None,
        READY_STATES: Any = states.READY_STATES,
    ) -> Iterator[tuple[str, Any]]:
        """(id, meta) of each task as it becomes ready; raises TimeoutError."""
        missing = set(task_ids)
        for task_id in list(missing):
            cached = self._cache.get(task_id, None)
            if cached is not None and cached["status"] in READY_STATES:
                missing.discard(task_id)
                yield bytes_to_str(task_id), cached
        naps = Naps(timeout, 0.5 if interval is None else interval, f"Operation timed out ({timeout})")
        rounds = 0
        while missing:
            found = self._ready(list(missing), READY_STATES)
            self._cache.update(found)
            missing.difference_update(found)
            for task_id, meta in found.items():
                if on_message is not None:
                    on_message(meta)
                yield task_id, meta
            rounds += 1
            if not missing or (max_iterations and rounds > max_iterations):
                return
            if on_interval:
                on_interval()
            naps.take()

    def _ready(self, task_ids: list[Any], READY_STATES: Any) -> dict[str, Any]:
        values = self.mget([self.get_key_for_task(task_id) for task_id in task_ids])
        if hasattr(values, "items"):
            pairs = [(self._strip_prefix(key), value) for key, value in values.items()]
        else:
            pairs = list(zip(map(bytes_to_str, task_ids), values, strict=False))
        metas = {task_id: self.decode_result(value) for task_id, value in pairs if value is not None}
        return {task_id: meta for task_id, meta in metas.items() if meta["status"] in READY_STATES}

    # Groups

    def _save_group(self, group_id: Any, result: Any) -> Any:
        document = self.encode({"result": result.as_tuple()})
        self._set_with_state(self.get_key_for_group(group_id), document, states.SUCCESS)
        return result

    def _restore_group(self, group_id: Any) -> Any:
        stored = self.get(self.get_key_for_group(group_id))
        if not stored:
            return None
        meta = self.decode(stored)
        meta["result"] = result_from_tuple(meta["result"], self.app)
        return meta

    def _delete_group(self, group_id: Any) -> None:
        self.delete(self.get_key_for_group(group_id))


class KeyValueStoreBackend(BaseKeyValueStoreBackend, SyncBackendMixin):
    """One that is asked for results."""
