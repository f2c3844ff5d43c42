"""Django's settings, and Celery's among them."""

import os
from pathlib import Path

DIRECTORY = Path(os.environ["BAKERY_DIRECTORY"])
SECRET_KEY = "flour"
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "orders.apps.OrdersConfig", "deliveries"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DIRECTORY / "bakery.sqlite",
        "OPTIONS": {"timeout": 20},
        "CONN_MAX_AGE": None,
    }
}

CELERY_BROKER_URL = os.environ["BAKERY_BROKER"]
CELERY_TASK_DEFAULT_QUEUE = os.environ["BAKERY_QUEUE"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = "Europe/Lisbon"
CELERY_DB_REUSE_MAX = int(os.environ.get("BAKERY_DB_REUSE_MAX", 0)) or None
CELERY_PYRAMID_SCHEDULER = {"ledger.url": f"sqlite:///{DIRECTORY}/ledger.sqlite"}
