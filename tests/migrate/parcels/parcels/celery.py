"""The app of a Django project, as projects that have grown for years have it."""

import os

from celery import Celery, bootsteps, security  # what is below needs all of it
from celery.signals import setup_logging, worker_process_init, worker_shutdown
from kombu import Consumer, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "parcels.settings")

app = Celery("parcels", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.task_reject_on_worker_lost = True
app.conf["worker_state_db"] = "/var/lib/parcels/state"
app.conf.update(worker_send_task_events=True, task_send_sent_event=True)


class Scanners(bootsteps.ConsumerStep):
    """Takes what the scanners at the gates send."""

    def get_consumers(self, channel):
        return [Consumer(channel, queues=[Queue("scanners")], callbacks=[self.scanned], accept=["json"])]

    def scanned(self, body, message):
        message.ack()


app.steps["consumer"].add(Scanners)


@setup_logging.connect
def configure_logging(**kwargs):
    """Nothing: Django's LOGGING has done it."""


@worker_process_init.connect
def reconnect(**kwargs): ...


@worker_shutdown.connect
def farewell(**kwargs): ...


if "PARCELS_KEYS" in os.environ:
    security.setup_security(allowed_serializers=["json"], key=os.environ["PARCELS_KEYS"])

if __name__ == "__main__":
    app.worker_main(["worker"])
