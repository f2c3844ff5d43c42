"""Retry by declaration: ``autoretry_for``, ``retry_backoff`` and what belongs to them."""

from __future__ import annotations

from functools import wraps
from typing import Any

from ..exceptions import Ignore, Retry
from ..utils.time import get_exponential_backoff_interval

DEFAULTS: dict[str, Any] = {
    "autoretry_for": (),
    "dont_autoretry_for": (),
    "retry_kwargs": {},
    "retry_backoff": False,
    "retry_backoff_max": 600,
    "retry_jitter": True,
}


def add_autoretry_behaviour(task: Any, **options: Any) -> None:
    """Wrap ``task.run`` (it stays as ``_orig_run``) where the task, or ``options``, name errors to retry for."""
    said = {name: options.get(name, getattr(task, name, default)) for name, default in DEFAULTS.items()}
    retry_for, never_for = tuple(said["autoretry_for"]), tuple(said["dont_autoretry_for"])
    said["retry_backoff"], said["retry_backoff_max"] = float(said["retry_backoff"]), int(said["retry_backoff_max"])
    if not retry_for or hasattr(task, "_orig_run"):
        return

    @wraps(task.run)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return task._orig_run(*args, **kwargs)
        except (Ignore, Retry, *never_for):
            raise
        except retry_for as error:
            raise _retry(task, error, said) from error

    task._orig_run, task.run = task.run, run


def _retry(task: Any, error: BaseException, said: dict[str, Any]) -> BaseException:
    """What ``task.retry`` returns; mostly it raises."""
    options = dict(said["retry_kwargs"])
    if said["retry_backoff"]:
        options["countdown"] = get_exponential_backoff_interval(
            factor=int(max(1.0, said["retry_backoff"])),
            retries=task.request.retries,
            maximum=said["retry_backoff_max"],
            full_jitter=said["retry_jitter"],
        )
    if hasattr(task, "override_max_retries"):
        options["max_retries"] = task.override_max_retries
    retry: BaseException = task.retry(exc=error, **options)
    if hasattr(task, "override_max_retries"):
        del task.override_max_retries
    return retry
