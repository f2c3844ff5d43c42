"""Settings, in Celery's own names."""

import os

from celery.schedules import crontab
from kombu import Exchange, Queue

QUEUE = os.environ.get("BOOKSHOP_QUEUE", "bookshop")

broker_url = os.environ.get("BOOKSHOP_BROKER", "redis://localhost:6379/0")
result_backend = os.environ.get("BOOKSHOP_BACKEND", broker_url)
broker_connection_retry_on_startup = True

imports = ("bookshop.orders", "bookshop.mail", "bookshop.reports")
timezone = "Europe/Berlin"
task_serializer = result_serializer = "json"
accept_content = ["json"]
result_expires = 3600
task_track_started = True

task_default_queue = QUEUE
task_queues = [
    Queue(QUEUE, Exchange(QUEUE), routing_key=QUEUE),
    Queue(f"{QUEUE}.slow", Exchange(QUEUE), routing_key=f"{QUEUE}.slow"),
]
task_routes = {"bookshop.reports.*": {"queue": f"{QUEUE}.slow"}}
task_annotations = {"bookshop.mail.confirm": {"rate_limit": "100/s"}}

worker_prefetch_multiplier = 1  # for fairness
worker_concurrency = 2

beat_schedule = {
    "look at the shelves": {"task": "bookshop.reports.look", "schedule": 1.0, "args": ("every second",)},
    "close the books": {
        "task": "bookshop.reports.close_the_books",
        "schedule": crontab(hour=3, minute=30, day_of_week="mon-sat"),
        "options": {"queue": QUEUE},
    },
}
