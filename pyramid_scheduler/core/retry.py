"""When a failed job runs again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_DELAY_SECONDS = 3600.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often, how long after, and for which errors a job is tried again.

    ``backoff_seconds`` doubles with every retry; ``jitter`` draws the delay from 50 to 100 percent of that, so
    that jobs that failed together do not come back together. ``retry_on`` holds dotted names of exception classes.
    """

    max_retries: int = 0
    backoff_seconds: float = 1.0
    retry_on: tuple[str, ...] = ("builtins.Exception",)
    jitter: bool = True

    def wants(self, error: BaseException, retries: int) -> bool:
        """Whether a job that has been retried ``retries`` times and now raised ``error`` is tried again."""
        if retries >= self.max_retries:
            return False
        names = {f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__}
        return not names.isdisjoint(self.retry_on)

    def delay_seconds(self, retries: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds to wait before retry number ``retries`` (0 is the first); ``draw`` gives a number in [0, 1)."""
        full = min(self.backoff_seconds * 2.0 ** min(retries, 64), LONGEST_DELAY_SECONDS)
        return full * (0.5 + draw() / 2) if self.jitter else full
