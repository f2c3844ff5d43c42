"""What is left of Celery's worker: pyramid_scheduler runs the tasks, this gives it Celery's names, state and answers."""

from .controller import WorkController

__all__ = ("WorkController",)
