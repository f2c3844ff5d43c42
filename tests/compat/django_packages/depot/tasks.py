"""What the depot does."""

from celery import shared_task
from django.conf import settings


@shared_task
def note(word):
    with (settings.DIRECTORY / "notes").open("a") as notes:
        notes.write(f"{word}\n")


@shared_task
def add(x, y):
    return x + y


@shared_task
def total(numbers):
    return sum(numbers)


@shared_task
def drop(what):
    raise ValueError(what)
