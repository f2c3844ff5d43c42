"""Hearing of results by Redis's pub/sub: every result is published on a channel of its key's name."""

from __future__ import annotations

import math
import select
from typing import Any

from kombu.utils.encoding import bytes_to_str

from .. import states
from .listening import Listener

_BLIND_POLL_SECONDS = 0.05


class RedisListener(Listener):
    """Subscribes first and reads what is stored then, so that no result falls between."""

    def __init__(self, backend: Any) -> None:
        super().__init__()
        self._backend = backend
        self._pubsub: Any = None
        self._to_read: list[str] = []

    def _connect(self) -> None:
        self._pubsub = self._backend.client.pubsub()
        self._to_read = []
        self._subscribe(list(self._waiters))

    def _disconnect(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            pubsub.close()

    def _subscribe(self, task_ids: list[str]) -> None:
        # Subscribing once more is answered, too: the answer is what says that reading is safe.
        if task_ids:
            self._pubsub.subscribe(*map(self._backend.get_key_for_task, task_ids))

    def _unsubscribe(self, task_ids: list[str]) -> None:
        if task_ids:
            self._pubsub.unsubscribe(*map(self._backend.get_key_for_task, task_ids))

    def _hear(self, seconds: float) -> None:
        self._take_messages()
        self._read_stored()
        connection = self._pubsub.connection
        sock = getattr(connection, "_sock", None)
        if connection is not None and sock is None:  # redis-py hides it, or the connection is gone
            seconds = _BLIND_POLL_SECONDS
        poll = select.poll()  # unlike select, it knows descriptors beyond 1023
        for one in (self._awake, sock):
            if one is not None:
                poll.register(one, select.POLLIN)
        poll.poll(math.ceil(seconds * 1000))

    def _take_messages(self) -> None:
        while self._pubsub.subscribed:
            message = self._pubsub.get_message(timeout=0)
            if message is None:
                return
            if message["type"] == "subscribe":
                self._to_read.append(self._backend._strip_prefix(message["channel"]))
            elif message["type"] == "message":
                meta = self._backend.decode_result(message["data"])
                self._tell(meta["task_id"], meta)

    def _read_stored(self) -> None:
        task_ids, self._to_read = self._to_read, []
        if not task_ids:
            return
        for task_id, value in zip(task_ids, self._backend.mget_tasks(task_ids), strict=True):
            if value is None:
                continue
            meta = self._backend.decode_result(value)
            meta.setdefault("task_id", bytes_to_str(task_id))
            if meta["status"] in states.READY_STATES:
                self._tell(task_id, meta)
