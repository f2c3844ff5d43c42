"""Chords on backends that do not count: the task ``celery.chord_unlock`` looks whether the header is done."""

from __future__ import annotations

from typing import Any

from ..exceptions import NotRegistered

_ROUTING = ("exchange", "exchange_type", "routing_key", "headers")


class ChordPolling:
    """The part of a backend that is about chords, for those that have nothing better."""

    app: Any

    def ensure_chords_allowed(self) -> None:
        """Raise NotImplementedError where there can be no chords."""

    def add_to_chord(self, chord_id: Any, result: Any) -> None:
        raise NotImplementedError("Backend does not support add_to_chord")

    def set_chord_size(self, group_id: Any, chord_size: int) -> None:
        """That many results will come; said before the last task is sent."""

    def apply_chord(self, header_result_args: Any, body: Any, **kwargs: Any) -> None:
        """A chord is about to be sent."""
        self.ensure_chords_allowed()
        self.fallback_chord_unlock(self.app.GroupResult(*header_result_args), body, **kwargs)

    def fallback_chord_unlock(self, header_result: Any, body: Any, countdown: float = 1, **kwargs: Any) -> None:
        """Send ``celery.chord_unlock`` to the queue, and along the route, that the body will take."""
        kwargs["result"] = [result.as_tuple() for result in header_result]
        try:
            body_type = getattr(body, "type", None)
        except NotRegistered:
            body_type = None
        queue = body.options.get("queue", getattr(body_type, "queue", None))
        if queue is None:
            queue = self.app.amqp.router.route(kwargs, body.name)["queue"].name
        routing = self._unlock_routing(body, queue)
        if "exchange_type" in routing:
            kwargs["_chord_unlock_exchange_type"] = routing["exchange_type"]
        self.app.tasks["celery.chord_unlock"].apply_async(
            (header_result.id, body),
            kwargs,
            countdown=countdown,
            queue=queue,
            priority=body.options.get("priority", getattr(body_type, "priority", 0)),
            **routing,
        )

    def _unlock_routing(self, body: Any, queue: Any) -> dict[str, Any]:
        stamps = body.options.get("stamped_headers", ())
        said = {name: body.options.get(name) for name in _ROUTING if name not in stamps}
        routing = {name: value for name, value in said.items() if value is not None}
        if "exchange_type" not in routing:
            try:
                found = self.app.amqp.queues[queue] if isinstance(queue, str) else queue
                routing["exchange_type"] = found.exchange.type
            except (AttributeError, KeyError):
                pass
        return routing
