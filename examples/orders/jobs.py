"""What the shop does in the background. Every job writes a line into the shop's journal."""

import csv
import os
import time
from pathlib import Path

from pyramid.threadlocal import get_current_registry


def confirm(customer: str, items: list[tuple[str, int, float]]) -> None:
    """At once: add the order up and confirm it."""
    total = sum(count * price for _, count, price in items)
    write("confirmed", f"{customer}: {len(items)} items, {total:.2f} in all")


def remind(customer: str) -> None:
    """At a date: chase the payment."""
    write("reminded", customer)


def count_orders() -> None:
    """At an interval: count what was ordered so far."""
    confirmed = sum(1 for what, _ in read() if what == "confirmed")
    write("counted", f"{confirmed} orders so far")


def close_the_books() -> None:
    """On a cron schedule."""
    write("closed", time.strftime("the books at %H:%M:%S"))


def spoil() -> None:
    """Fails, to show what becomes of a job that does."""
    raise RuntimeError("the printer is out of paper")


def load_orders(path: Path) -> dict[str, list[tuple[str, int, float]]]:
    """The orders of a CSV file (customer, item, count, price), by customer."""
    orders: dict[str, list[tuple[str, int, float]]] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            orders.setdefault(row["customer"], []).append((row["item"], int(row["count"]), float(row["price"])))
    return orders


def journal() -> Path:
    return Path(get_current_registry().settings["orders.journal"])


def write(what: str, text: str) -> None:
    """One line, in one write: several processes share the journal."""
    line = f"{what}\t{text}\t{os.getpid()}\n"
    with open(journal(), "a") as file:
        file.write(line)


def read() -> list[tuple[str, str]]:
    if not journal().exists():
        return []
    lines = journal().read_text().splitlines()
    return [(what, text) for what, text, _ in (line.split("\t") for line in lines)]
