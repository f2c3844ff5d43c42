"""What is owed for one delivery when its run is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ..core.message import Delivery
from ..core.run import Outcome, Parked, Record, RunState


@dataclass(slots=True)
class Settlement:
    """What is to be published, written and told the broker about one delivery.

    ``published`` and ``written`` say what is done: of broker and ledger one may answer where the other does not.
    """

    delivery: Delivery
    outcome: Outcome
    record: Record | None = None
    parked: Parked | None = None
    published: bool = False
    written: bool = False
    returned: bool = False

    @classmethod
    def giving_back(cls, delivery: Delivery, why: Exception | None = None) -> Self:
        """It has not begun, and does not here."""
        return cls(delivery, Outcome(RunState.RETURNED, exception=why), returned=True)
