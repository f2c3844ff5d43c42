"""``manage.py sell rye``: what a view would do."""

import json
import threading

from celery import current_app
from celery.app.trace import trace_task
from django.core.management import BaseCommand
from django.db import connection, transaction

from orders import tasks
from orders.models import Order


class Command(BaseCommand):
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("what")

    def handle(self, what, **options):
        print(json.dumps(getattr(self, what)()))

    def rye(self):
        """One order that is taken back, and one that is not."""
        try:
            with transaction.atomic():
                tasks.bake.delay_on_commit(Order.objects.create(loaf="taken back").pk)
                raise LookupError("no rye left")
        except LookupError:
            pass
        with transaction.atomic():
            order = Order.objects.create(loaf="rye")
            returned = [tasks.bake.delay_on_commit(order.pk), tasks.bake.apply_async_on_commit((order.pk,))]
        return [order.pk, returned]

    def barley(self):
        """A task that a worker's code runs within a transaction of ours."""
        fixup = current_app._fixups[0].worker_fixup.install()
        with transaction.atomic():
            trace_task(tasks.take, "1", ("barley",), {})
            within = [connection.in_atomic_block, connection.connection is not None]
        fixup.close_database()
        return [within, connection.connection is None]

    def wheat(self):
        """In a thread, as requests are answered, that has made no app."""
        said = []
        thread = threading.Thread(target=lambda: said.extend([current_app.main, tasks.bake.app.main]))
        thread.start()
        thread.join()
        return said

    def zone(self):
        return [str(current_app.timezone), str(current_app.loader.now().tzinfo), current_app.conf.timezone]

    def packages(self):
        """What a worker would import."""
        current_app.loader.import_default_modules()
        return sorted(current_app.loader.task_modules)
