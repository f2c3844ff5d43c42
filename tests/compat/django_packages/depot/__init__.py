"""A Django project with the two packages that go with Celery. They import it by name, and find compat."""

import compat

compat.install_as_celery()

from .celery import app as celery_app  # noqa: E402

__all__ = ("celery_app",)
