"""Tasks of an application that does not know the project."""

from celery import shared_task
from django.db import connection, transaction

from .models import Order
from .notes import note


@shared_task
def bake(pk):
    changed = Order.objects.filter(pk=pk).update(baked=True)
    note("baked", pk, changed)


@shared_task
def take(loaf):
    """Notes whether the connection was open before anything had asked for it."""
    note("open", loaf, connection.connection is not None)
    Order.objects.create(loaf=loaf)
    note("taken", loaf)


@shared_task
def lose_the_connection(loaf):
    Order.objects.create(loaf=loaf)
    connection.connection.close()  # as a server does that restarts: Django is not told
    note("lost", loaf)


@shared_task
def take_three(loaf):
    Order.objects.create(loaf=loaf)
    take.apply((f"{loaf} after it",), throw=True)
    with transaction.atomic():
        take.apply((f"{loaf} within",), throw=True)
        note("atomic", connection.in_atomic_block, connection.connection is not None)


@shared_task
def take_half(loaf):
    transaction.atomic().__enter__()
    Order.objects.create(loaf=loaf)
    note("half", loaf)
