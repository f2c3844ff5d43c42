"""Calls the tasks of fleet_tasks in every way; prints what came of it as JSON."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from tests.compat.fleet_tasks import add, app, boom, flaky, total, who

if os.environ["FLEET_SIDE"] == "celery":
    from celery import chord, group
else:
    from compat import chord, group

SECONDS = 20


def error_of(result: Any) -> str:
    try:
        result.get(timeout=SECONDS)
    except ValueError as error:
        return repr(error)
    return "nothing was raised"


def revoked() -> str:
    result = add.apply_async((1, 1), countdown=1)
    result.revoke()
    deadline = time.monotonic() + SECONDS
    while result.state != "REVOKED" and time.monotonic() < deadline:
        time.sleep(0.05)
    return str(result.state)


print(
    json.dumps(
        {
            "add": add.delay(2, 3).get(timeout=SECONDS),
            "error": error_of(boom.delay()),
            "retried": flaky.delay().get(timeout=SECONDS),
            "chain": (add.s(1, 1) | add.s(2) | add.s(3))().get(timeout=SECONDS),
            "group": group(add.s(n, n) for n in range(4))().get(timeout=SECONDS),
            "chords": [chord([add.s(n, k) for n in range(6)])(total.s()).get(timeout=SECONDS) for k in range(3)],
            "eta": add.apply_async((1, 1), countdown=0.5).get(timeout=SECONDS),
            "revoked": revoked(),
            "who": sorted({result.get(timeout=SECONDS) for result in [who.delay() for _ in range(20)]}),
            "pong": sorted(node for reply in app.control.ping(timeout=2) for node in reply),
        }
    )
)
