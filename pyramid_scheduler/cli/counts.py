"""Whole numbers on the command line."""

from __future__ import annotations

import argparse


def from_zero_up(text: str) -> int:
    return _from(0, text)


def from_one_up(text: str) -> int:
    return _from(1, text)


def _from(least: int, text: str) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} up")
    return int(text)
