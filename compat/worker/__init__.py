"""What is left of Celery's worker: its names, state and answers. pyramid_scheduler runs the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .controller import WorkController

__all__ = ("WorkController",)


def __getattr__(name: str) -> Any:
    """Import the worker when it is asked for: its state is used without it, too."""
    if name != "WorkController":
        raise AttributeError(name)
    from .controller import WorkController

    return WorkController
