"""How much the server may send ahead of its being worked off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MOST = 65535

Arrive = Mapping[str, Callable[[Any], None]]  # queue → what takes its messages


class Consumers:
    """One consumer for each queue; begun and cancelled together."""

    def __init__(self, channel: Any, arrive: Arrive) -> None:
        self._channel = channel
        self._tags = [channel.basic_consume(queue, callback=callback) for queue, callback in arrive.items()]

    def cancel(self) -> None:
        for tag in self._tags:
            self._channel.basic_cancel(tag)


class ChannelFlow:
    """One limit for all consumers of the channel, which moves under them. Quorum queues refuse it."""

    def __init__(self, channel: Any, arrive: Arrive) -> None:
        self._channel = channel
        self._arrive = arrive
        self._consumers: Consumers | None = None
        self.limit = 0

    def move(self, limit: int) -> None:
        """Up to ``limit`` messages may be here and not acked."""
        self.limit = min(limit, MOST)
        self._channel.basic_qos(0, self.limit, True)
        if self._consumers is None:
            self._consumers = Consumers(self._channel, self._arrive)

    def pause(self, held: int) -> None:
        """No more than the ``held`` that are here. The server takes none for no limit."""
        if held:
            self.move(held)
        elif self._consumers is not None:
            self.limit = 0
            self._consumers.cancel()
            self._consumers = None


class ConsumerFlow:
    """A limit for each consumer, which it keeps for life: more consumers are made for more.

    Quorum queues take back what is on its way to a consumer when that is cancelled, and count it as a failed delivery:
    limits are powers of two, so that there are few moves.
    """

    def __init__(self, channel: Any, arrive: Arrive) -> None:
        self._channel = channel
        self._arrive = arrive
        self._steps: list[tuple[int, Consumers]] = []

    @property
    def limit(self) -> int:
        return sum(limit for limit, _ in self._steps)

    def move(self, limit: int) -> None:
        """Up to the next power of two."""
        limit = min(1 << (limit - 1).bit_length(), MOST)
        self._cancel_down_to(limit)
        more = limit - self.limit
        if more:
            self._channel.basic_qos(0, more, False)
            self._steps.append((more, Consumers(self._channel, self._arrive)))

    def pause(self, held: int) -> None:
        """Consume no more for now; what is here stays here."""
        self._cancel_down_to(0)

    def _cancel_down_to(self, limit: int) -> None:
        while self.limit > limit:
            self._steps.pop()[1].cancel()
