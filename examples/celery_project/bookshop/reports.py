"""Counting."""

from celery import chord, group, shared_task

from . import journal
from .app import app

SHELVES = {"novels": [12, 30], "poems": [7], "maps": [1, 2, 3]}


@app.task(bind=True)
def count(self, shelf):
    self.update_state(state="COUNTING", meta={"shelf": shelf})
    return sum(SHELVES[shelf])


@shared_task(name="bookshop.reports.total")
def add_up(counts):
    return {"books": sum(counts), "shelves": len(counts)}


@shared_task
def label(shelf, price=5):
    return f"{shelf}: {price}"


@shared_task(ignore_result=True)
def look(why):
    journal.write("look", why=why)


@shared_task(ignore_result=True)
def close_the_books():
    chord([count.s(shelf) for shelf in SHELVES])(add_up.s())


def inventory():
    """A chord: all shelves are counted side by side, then added up."""
    return chord(count.s(shelf) for shelf in SHELVES)(add_up.s())


def labels():
    """A group, in the order of the shelves."""
    return group(label.s(shelf) for shelf in SHELVES).apply_async(kwargs={"price": 9})
