"""Chords on stores that can count: the part that makes the number full sends the body."""

from __future__ import annotations

from typing import Any

from ..exceptions import ChordError
from ..result import GroupResult, allow_join_result
from ..utils.log import get_logger
from .failing import _create_chord_error_with_cause

logger = get_logger("celery.backends.base")


class ChordCounting:
    """For backends with ``implements_incr``; the header's results are saved, and a counter says how many are done."""

    implements_incr = False
    app: Any
    expires: Any
    chord_expires: Any
    _chord_result_expires: Any

    def apply_chord(self, header_result_args: Any, body: Any, **kwargs: Any) -> None:
        if not self.implements_incr:
            super().apply_chord(header_result_args, body, **kwargs)  # type: ignore[misc]
            return
        self.ensure_chords_allowed()  # type: ignore[attr-defined]
        header = self.app.GroupResult(*header_result_args)
        header.save(backend=self)
        self.expire(self.get_key_for_group(header.id), self._chord_result_expires)  # type: ignore[attr-defined]

    def _count_part(self, key: Any, request: Any) -> int:
        """Count this part; returns how many there are. A subclass that knows a part again counts it once."""
        return self.incr(key)  # type: ignore[attr-defined,no-any-return]

    def on_chord_part_return(self, request: Any, state: Any, result: Any, **kwargs: Any) -> Any:
        if not self.implements_incr or not request.group:
            return None
        group_id = request.group
        header = self._header(request, group_id)
        if header is None:
            return None
        key = self.get_key_for_chord(group_id)  # type: ignore[attr-defined]
        done = self._count_part(key, request)
        size = request.chord.get("chord_size")
        size = len(header) if size is None else size
        if done == size:
            self._complete(request, group_id, header, key)
        elif done > size:
            logger.warning("Chord counter incremented too many times for %r", group_id)
        else:
            self._keep(request, group_id, key)
        return None

    def _header(self, request: Any, group_id: Any) -> Any:
        """The header's results; without them the chord fails."""
        cause: Exception | None = None
        try:
            header = GroupResult.restore(group_id, backend=self)
        except Exception as error:
            header, cause = None, error
        if header is not None:
            return header
        reason = f"GroupResult {group_id} no longer exists" if cause is None else f"Cannot restore group: {cause!r}"
        logger.error("Chord %r cannot go on: %s", group_id, reason, exc_info=cause)
        self._fail(self._body(request), reason, cause)
        return None

    def _body(self, request: Any) -> Any:
        from ..canvas import maybe_signature

        return maybe_signature(request.chord, app=self.app)

    def _fail(self, body: Any, reason: str, cause: Any) -> None:
        error = ChordError(reason) if cause is None else _create_chord_error_with_cause(reason, cause)
        self.chord_error_from_stack(body, error)  # type: ignore[attr-defined]

    def _complete(self, request: Any, group_id: Any, header: Any, key: Any) -> None:
        try:
            self._send_body(self._body(request), group_id, header)
        finally:
            header.delete(backend=self)
            self.delete(key)  # type: ignore[attr-defined]
            for part in header.results:
                self.expire(self.get_key_for_task(part.id), self.expires)  # type: ignore[attr-defined]

    def _send_body(self, body: Any, group_id: Any, header: Any) -> None:
        join = header.join_native if header.supports_native_join else header.join
        try:
            with allow_join_result():
                results = join(timeout=self.app.conf.result_chord_join_timeout, propagate=True)
        except Exception as error:
            culprit = next(header._failed_join_report(), None)
            reason = repr(error) if culprit is None else f"Dependency {culprit.id} raised {error!r}"
            logger.exception("Chord %r raised: %r", group_id, reason)
            self._fail(body, reason, error)
            return
        try:
            self.app.amqp._retry_publish(body.delay, results)
        except Exception as error:
            logger.exception("Chord %r raised: %r", group_id, error)
            self._fail(body, f"Callback error: {error!r}", error)

    def _keep(self, request: Any, group_id: Any, key: Any) -> None:
        """What the last part will need must not expire before."""
        self.expire(key, self.chord_expires)  # type: ignore[attr-defined]
        self.expire(self.get_key_for_group(group_id), self._chord_result_expires)  # type: ignore[attr-defined]
        self.expire(self.get_key_for_task(request.id), self._chord_result_expires)  # type: ignore[attr-defined]
