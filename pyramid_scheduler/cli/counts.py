"""Whole numbers on the command line."""

from __future__ import annotations

import argparse


def from_zero_up(text: str) -> int:
    return _from(0, text)


def from_one_up(text: str) -> int:
    return _from(1, text)


#: More than that is a slip: so many processes, say, nobody could start.
MOST = 1_000_000


def _from(least: int, text: str) -> int:
    if not text.isdecimal() or not least <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {MOST}")
    return int(text)
