"""Django's settings, and Celery's among them."""

import os
from pathlib import Path

DIRECTORY = Path(os.environ["DEPOT_DIRECTORY"])
SECRET_KEY = "crate"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_celery_beat", "django_celery_results", "depot"]
MIGRATION_MODULES = dict.fromkeys(["contenttypes", "django_celery_beat", "django_celery_results"])  # tables at once
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DIRECTORY / "depot.sqlite",
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": DIRECTORY / "cache"},
}

CELERY_BROKER_URL = os.environ["DEPOT_BROKER"]
CELERY_TASK_DEFAULT_QUEUE = os.environ["DEPOT_QUEUE"]
CELERY_RESULT_BACKEND = os.environ.get("DEPOT_BACKEND", "django-db")
CELERY_RESULT_EXTENDED = True
CELERY_CACHE_BACKEND = "default"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 0.2
CELERY_BEAT_SCHEDULE = {"often": {"task": "depot.tasks.note", "schedule": 1.0, "args": ["often"]}}
CELERY_PYRAMID_SCHEDULER = {"ledger.url": f"sqlite:///{DIRECTORY}/ledger.sqlite"}
