"""Chords, counted in Redis: every part exactly once, the body sent exactly once."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any
from uuid import uuid4

from .. import states
from ..exceptions import ChordError
from ..result import GroupResult, allow_join_result
from ..utils.log import get_logger
from ..utils.regen import _regen
from .failing import _create_chord_error_with_cause
from .redis_scripts import EXTEND, FINISH, PART

logger = get_logger("celery.backends.redis")
_SENT, _CLAIMED_BY_ANOTHER, _CLAIMED = -1, 2, 1
_WAIT_SECONDS = 0.25


class RedisChords:
    """The part of the Redis backend that is about chords."""

    app: Any
    client: Any

    def add_to_chord(self, group_id: Any, result: Any) -> None:
        self.client.incr(self.get_key_for_group(group_id, ".t"), 1)  # type: ignore[attr-defined]

    def set_chord_size(self, group_id: Any, chord_size: int) -> None:
        # A frozen chord may be sent again: what was done is another run's.
        self.ensure(self.client.delete, (self.get_key_for_group(group_id, ".c"),))  # type: ignore[attr-defined]
        self._set_chord_key(self.get_key_for_group(group_id, ".s"), chord_size)  # type: ignore[attr-defined]

    def _set_chord_key(self, key: Any, value: Any) -> None:
        expires = self.chord_expires or None  # type: ignore[attr-defined]
        self.ensure(lambda: self.client.set(key, value, ex=expires), ())  # type: ignore[attr-defined]

    def apply_chord(self, header_result_args: Any, body: Any, **kwargs: Any) -> None:
        """Save the header where results of groups are among it: their lists must come back as lists."""
        group_id, results = header_result_args
        if isinstance(results, _regen) or not any(isinstance(result, GroupResult) for result in results):
            return
        document = self.encode({"result": self.app.GroupResult(group_id, results).as_tuple()})  # type: ignore[attr-defined]
        self._set_chord_key(self.get_key_for_group(group_id), document)  # type: ignore[attr-defined]

    @cached_property
    def _chord_zset(self) -> bool:
        return bool(self._transport_options.get("result_chord_ordered", True))  # type: ignore[attr-defined]

    @cached_property
    def _part(self) -> Any:
        return self.client.register_script(PART)

    @cached_property
    def _extend(self) -> Any:
        return self.client.register_script(EXTEND)

    @cached_property
    def _finish(self) -> Any:
        return self.client.register_script(FINISH)

    def on_chord_part_return(self, request: Any, state: Any, result: Any, **kwargs: Any) -> Any:
        if not request.group or not request.id:
            return
        part = _Part(self, request)
        encoded = self.encode([1, request.id, state, self.encode_result(result, state)])  # type: ignore[attr-defined]
        if part.claims(encoded):
            part.complete()


class _Part:
    """One return of one task of a header."""

    def __init__(self, backend: Any, request: Any) -> None:
        self.backend = backend
        self.client = backend.client
        self.request = request
        self.token = uuid4().hex
        join = backend.app.conf.result_chord_join_timeout or 5.0
        self.claim_seconds = max(5, int(join * 2))
        names = {"parts": ".j", "added": ".t", "size": ".s", "seen": ".d", "saved": "", "claim": ".c"}
        self.keys = {name: backend.get_key_for_group(request.group, suffix) for name, suffix in names.items()}

    def claims(self, encoded: Any) -> bool:
        """Record the part; whether it is for us to send the body.

        A part that finds the chord complete and claimed runs for the second time. The first may have died before it
        sent the body, and nobody else would come: so this one stays until the body is sent or the claim runs out.
        """
        deadline = time.monotonic() + self.claim_seconds + 1
        while True:
            answer = self._record(encoded)
            if answer != _CLAIMED_BY_ANOTHER or time.monotonic() > deadline:
                return bool(answer == _CLAIMED)
            time.sleep(_WAIT_SECONDS)

    def _record(self, encoded: Any) -> int:
        backend, request = self.backend, self.request
        place = "+inf" if request.group_index is None else request.group_index
        arguments = [
            f"{request.id}:{place}",
            encoded,
            int(backend._chord_zset),
            place,
            int(backend.chord_expires or 0),
            int(backend._chord_result_expires),
            self.claim_seconds,
            self.token,
        ]
        return backend._part(keys=list(self.keys.values()), args=arguments, client=self.client)  # type: ignore[no-any-return]

    def complete(self) -> None:
        from ..canvas import maybe_signature

        body = maybe_signature(self.request.chord, app=self.backend.app)
        try:
            results = self._results()
        except Exception as error:
            self._fail(body, error if isinstance(error, ChordError) else ChordError(f"Join error: {error!r}"))
            return
        if not self._extend(body):
            logger.warning("Chord %r is no longer ours to complete: another part does", self.request.group)
            return
        self._send(body, results)

    def _results(self) -> list[Any]:
        header = GroupResult.restore(self.request.group, backend=self.backend)
        if header is None:
            return [self._value(part) for part in self._parts()]
        join = header.join_native if header.supports_native_join else header.join
        with allow_join_result():
            return join(timeout=self.backend.app.conf.result_chord_join_timeout, propagate=True)  # type: ignore[no-any-return]

    def _parts(self) -> list[Any]:
        key = self.keys["parts"]
        return self.client.zrange(key, 0, -1) if self.backend._chord_zset else self.client.lrange(key, 0, -1)  # type: ignore[no-any-return]

    def _value(self, encoded: Any) -> Any:
        _, task_id, state, value = self.backend.decode(encoded)
        if state in states.EXCEPTION_STATES:
            value = self.backend.exception_to_python(value)
        if state in states.PROPAGATE_STATES:
            raise _create_chord_error_with_cause(f"Dependency {task_id} raised {value!r}", value)
        return value

    def _extend(self, body: Any) -> bool:
        """Claim for as long as publishing may take, now that it is about to begin."""
        seconds = self.claim_seconds + publish_seconds(self.backend.app.conf, body.options)
        keys = [self.keys["claim"], self.keys["size"]]
        return bool(self.backend._extend(keys=keys, args=[self.token, seconds], client=self.client))

    def _send(self, body: Any, results: list[Any]) -> None:
        try:
            self.backend.app.amqp._retry_publish(body.delay, results)
        except Exception as error:
            logger.exception("Chord callback for %r raised: %r", self.request.group, error)
            self.backend.chord_error_from_stack(body, ChordError(f"Callback error: {error!r}"))
        finally:
            gone = [self.keys[name] for name in ("claim", "parts", "added", "size", "seen")]
            arguments = [self.token, max(self.claim_seconds * 2, 300)]
            if not self.backend._finish(keys=gone, args=arguments, client=self.client):
                logger.warning("the claim on chord %r was lost; its keys will expire", self.request.group)

    def _fail(self, body: Any, error: ChordError) -> None:
        logger.error("Chord %r raised: %r", self.request.group, error, exc_info=error)
        try:
            self.backend.chord_error_from_stack(body, error)
        finally:
            # Without a size no part that comes late fails the chord once more.
            self.client.delete(self.keys["size"])


def publish_seconds(conf: Any, options: Any) -> int:
    """How long publishing may take at worst, with all its retries."""
    policy = {**(conf.task_publish_retry_policy or {}), **(options.get("retry_policy") or {})}
    retry = options.get("retry")
    retries = int(policy.get("max_retries") or 0) if (conf.task_publish_retry if retry is None else retry) else 0
    timeout = max(0.0, float(conf.broker_connection_timeout or 4.0))
    start, step = float(policy.get("interval_start", 0)), float(policy.get("interval_step", 0.2))
    longest = float(policy.get("interval_max", 1))
    waits = sum(min(start + step * number, longest) for number in range(retries))
    return int((retries + 2) * timeout + waits) + 1
