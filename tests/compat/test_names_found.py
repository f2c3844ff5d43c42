"""Names that modules of Celery's have because they use them themselves, and that applications import from there."""

from __future__ import annotations

import importlib

import pytest

FOUND = {
    "app.task": ("EagerResult", "Ignore", "Reject", "Retry", "states"),
    "app.trace": ("FAILURE", "RETRY", "SUCCESS", "logger"),
    "backends.base": (
        "BackendGetMetaError",
        "BackendStoreError",
        "ChordError",
        "ImproperlyConfigured",
        "TimeoutError",
        "create_exception_cls",
        "get_pickleable_exception",
        "get_pickled_exception",
        "logger",
        "states",
    ),
    "beat": ("crontab", "debug", "error", "info", "logger", "maybe_schedule", "warning"),
    "canvas": ("GroupResult",),
    "result": ("TimeoutError", "states"),
    "schedules": ("datetime", "timedelta"),
    "worker.strategy": ("logger",),
}


def called(thing: object) -> str:
    name = getattr(thing, "__name__", None) or getattr(thing, "name", thing)
    return str(name).removeprefix("compat.").removeprefix("celery.")


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in FOUND.items() for name in names])
def test_a_name_is_found_where_applications_import_it_from(module: str, name: str) -> None:
    ours = getattr(importlib.import_module(f"compat.{module}"), name)
    assert called(ours) == called(getattr(pytest.importorskip(f"celery.{module}"), name))
