"""Messages: what lies in a broker, and what a worker is handed.

The headers and the body are those of Celery's task message protocol 2, so that both ends may be a Celery:
https://docs.celeryq.dev/en/stable/internals/protocol.html. What is ours alone starts with ``ps-``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

# Reserved task names: no Celery worker registers them.
SCHEDULE_TASK = "pyramid_scheduler.schedule"  # body: one Schedule to store (interval, cron)
NOTE_TASK = "pyramid_scheduler.message"  # body: args=[text]: print-jobs, or a MESSAGE event
ENDED_TASK = "pyramid_scheduler.ended"  # body: a run's message, cause, detail, reason: it ended with its process

# Headers of ours. All are optional: a message without any is a Celery message.
JOB = "ps-job"  # id of the job this run belongs to, where it is not the message's own id
KIND = "ps-kind"  # async | date | interval | cron; absent means async
DUE = "ps-due"  # when a timekeeper's fire was due (ISO, UTC); with it, an eta is already kept
TOKEN = "ps-token"  # minted at each publication of a fire; tells a redelivery from a second publication
FINAL = "ps-final"  # true on the last run of a timed job
RETRY = "ps-retry"  # [max_retries, backoff_seconds, [exception names], jitter]
CANCELED = "ps-canceled"  # true: it was cancelled while it was stored, and is sent to be refused
GRACE = "ps-grace"  # misfire_grace_time in seconds
REPLACE = "ps-replace"  # true: a stored job of the same id is replaced
RUNS = "ps-runs"  # "uuid": the ids of a stored job's runs are UUIDs, as those of Celery's tasks are
NAME = "ps-name"  # the job's display name
CREATED = "ps-created"  # epoch seconds when it was sealed
SIGNATURE = "ps-signature"  # see broker/signing.py

#: Properties that are fields of a Message, or said anew each time it is published: RabbitMQ takes ``user_id`` from that
#: user only.
_OF_ONE_PUBLICATION = frozenset(
    (
        "application_headers",
        "body_encoding",
        "content_encoding",
        "content_type",
        "delivery_info",
        "delivery_mode",
        "delivery_tag",
        "expiration",
        "priority",
        "user_id",
    )
)


def created_at(headers: Mapping[str, Any]) -> float:
    """When the message with these headers was made (epoch seconds), or 0; an id may be used again."""
    return float(headers.get(CREATED) or 0.0)


@dataclass(frozen=True)
class Message:
    """One message for one queue, ready for the wire. ``body`` is bytes; ``properties`` are AMQP's (reply_to …)."""

    queue: str
    headers: Mapping[str, Any]
    body: bytes
    content_type: str = "application/json"
    content_encoding: str = "utf-8"
    priority: int = 0
    expires_at: float | None = None  # epoch seconds
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.headers.get("id", ""))

    @property
    def task(self) -> str:
        return str(self.headers.get("task", ""))

    def to_json(self) -> dict[str, Any]:
        """A table of its fields; the body in base64."""
        return {**asdict(self), "body": base64.b64encode(self.body).decode("ascii")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of ``to_json``; raises TypeError or ValueError for anything else."""
        return cls(**{**data, "body": base64.b64decode(data["body"], validate=True)})


@dataclass(slots=True)
class Delivery:
    """A message in a worker's hands until it is acked or given back. Not frozen: made once per job, on the hot path.

    ``tag`` is the source's own handle. ``redelivered`` says that another consumer held it and went silent.
    Until ``unsettled_until`` (monotonic) that one may be about to write what came of it: only its connection broke.
    ``error`` holds what made the transport unable to read it at all; such a delivery is parked, never run.
    """

    queue: str
    headers: Mapping[str, Any]
    body: bytes
    content_type: str
    content_encoding: str
    properties: Mapping[str, Any]
    tag: Any
    redelivered: bool = False
    error: str = ""
    begun: bool = False  # its task is acked early and begins: it is not given back any more
    acked: bool = False
    journaled_at: int | None = None  # where a journal has its run
    place: Any = None  # the sheet of a journal that has it, and where in there
    raw: str | bytes = b""  # all of it in one piece, where it came so and is short
    unsettled_until: float = 0.0

    def message(self) -> Message:
        """The same message, ready to be published again."""
        return Message(
            queue=self.queue,
            headers=self.headers,
            body=self.body,
            content_type=self.content_type,
            content_encoding=self.content_encoding,
            priority=priority if isinstance(priority := self.properties.get("priority"), int) else 0,
            properties={k: v for k, v in self.properties.items() if k not in _OF_ONE_PUBLICATION},
        )

    def kept(self) -> Message:
        """The message as it came; where not even that can be made of it, its body."""
        try:
            message = self.message()
            _ = message.id
            return message
        except Exception:
            return Message(self.queue, {}, self.body, "application/octet-stream", "binary")
