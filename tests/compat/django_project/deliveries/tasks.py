"""A task of the app's own."""

from bakery.celery import app
from orders.notes import note


@app.task
def deliver(pk):
    note("delivered", pk)
