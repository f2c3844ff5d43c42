"""Ids of jobs and runs: UUIDs of the form that Celery's have, in the order of their making."""

from __future__ import annotations

import os
from time import time_ns

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def new_id() -> str:
    """A UUID that anybody takes for one of version 4, in less time than ``uuid4`` takes: every job has one.

    The first 48 bits are the milliseconds since 1970, the other 74 random. An index to which such ids are added grows
    at its end; random ones land on a page each, all of which are to be read and written: half of what settling costs,
    once there are a hundred thousand of them.
    """
    moment, digits = f"{time_ns() // 1_000_000:012x}", os.urandom(10).hex()
    return f"{moment[:8]}-{moment[8:]}-4{digits[:3]}-{_VARIANT[digits[3]]}{digits[4:7]}-{digits[7:19]}"
