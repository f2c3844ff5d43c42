"""A Django project as Celery's guide has it: its app is known as soon as Django starts."""

from .celery import app as celery_app

__all__ = ("celery_app",)
