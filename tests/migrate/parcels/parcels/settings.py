"""Django's settings; old and new names of Celery's, as they have come together."""

from datetime import timedelta

from celery.schedules import crontab
from kombu import Exchange, Queue

INSTALLED_APPS = ["tracking", "django_celery_beat"]
LOGGING = {"version": 1, "loggers": {"celery": {"level": "INFO"}, "celery.app.trace": {"level": "WARNING"}}}

CELERY_BROKER_URL = "amqp://guest:guest@localhost:5672//"
CELERY_RESULT_BACKEND = "redis://localhost:6379/1"
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "pickle"
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERYD_MAX_TASKS_PER_CHILD = 100
CELERY_TASK_ALWAYS_EAGER = False
CELERY_TASK_ANNOTATIONS = {"tracking.tasks.geocode": {"rate_limit": "10/m"}}  # the service allows no more
CELERY_TASK_QUEUES = (
    Queue("default", Exchange("default"), routing_key="default"),
    Queue("bulk", Exchange("bulk"), routing_key="bulk", queue_arguments={"x-max-priority": 5}),
)
CELERY_TASK_ROUTES = ("parcels.routers.route",)
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "nightly": {"task": "tracking.tasks.close_day", "schedule": crontab(minute=0, hour="1-3/2")},
    "often": {"task": "tracking.tasks.poll", "schedule": timedelta(seconds=30), "options": {"expires": 20}},
}
