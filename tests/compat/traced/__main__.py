"""Calls each task within a transaction, waits for the results, and ends in good order."""

from __future__ import annotations

import sentry_sdk

from .app import add, again, expect, fail

if __name__ == "__main__":
    with sentry_sdk.start_transaction(name="send"):
        sent = [add.delay(1, 2), fail.delay(), again.delay("once"), expect.delay()]
    print([repr(result.get(timeout=30, propagate=False)) for result in sent])
    sentry_sdk.flush()
