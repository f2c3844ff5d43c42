"""Jobs that leave traces."""

from __future__ import annotations

import os
import signal
import time

from pyramid.threadlocal import get_current_registry, get_current_request

from tests.shop import append


def effects() -> str:
    return os.path.join(os.environ["SHOP_DIRECTORY"], "effects")


def mark(name: str) -> None:
    append(effects(), f"end\t{name}\t{os.getpid()}")


def work(name: str, seconds: float) -> None:
    append(effects(), f"start\t{name}\t{os.getpid()}")
    time.sleep(seconds)
    append(effects(), f"end\t{name}\t{os.getpid()}")


def work_at_most_once(name: str, seconds: float) -> None:
    """Acked before it runs."""
    work(name, seconds)


def tick() -> None:
    """Marks the run it is, by the fire it was published for."""
    append(effects(), f"end\t{get_current_request().job.id}\t{os.getpid()}")


def fail(message: str) -> None:
    raise ValueError(message)


def fail_once(name: str) -> None:
    run = get_current_request().job
    if run.retries == 0:
        raise ValueError("not yet")
    mark(name)


def die(name: str) -> None:
    append(effects(), f"start\t{name}\t{os.getpid()}")
    os.kill(os.getpid(), signal.SIGKILL)


def close_what_others_opened() -> None:
    os.closerange(3, 256)


def look_around(name: str) -> None:
    assert get_current_registry().scheduler is not None
    assert get_current_request().tm is not None
    mark(name)


async def wait_a_little(name: str) -> None:
    import asyncio

    await asyncio.sleep(0.01)
    look_around(name)


def spin() -> None:
    """Busy for ever, in small steps."""
    while True:
        time.sleep(0.01)
