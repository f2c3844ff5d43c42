"""A drop-in façade for Celery on pyramid_scheduler: ``from celery import …`` becomes ``from compat import …``."""

from __future__ import annotations

import importlib
import os
from collections import namedtuple
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._state import current_app, current_task
    from .app import shared_task
    from .app.base import Celery
    from .app.task import Task
    from .app.utils import bugreport
    from .canvas import Signature, chain, chord, chunks, group, maybe_signature, subtask, xmap, xstarmap
    from .canvas import signature as signature  # type: ignore[no-redef]
    from .utils import uuid

__all__ = (
    "Celery",
    "Signature",
    "Task",
    "bugreport",
    "chain",
    "chord",
    "chunks",
    "current_app",
    "current_task",
    "group",
    "install_as_celery",
    "maybe_signature",
    "shared_task",
    "signature",
    "subtask",
    "uuid",
    "xmap",
    "xstarmap",
)

#: The version of Celery whose behaviour this is.
__version__ = "5.7.0"
SERIES = "compat"
VERSION_BANNER = f"{__version__} ({SERIES})"
version_info_t = namedtuple("version_info_t", ("major", "minor", "micro", "releaselevel", "serial"))
VERSION = version_info = version_info_t(5, 7, 0, "", "")
_original_os_write = os.write

_HOMES = {
    "Celery": ".app.base",
    "Task": ".app.task",
    "bugreport": ".app",
    "current_app": "._state",
    "current_task": "._state",
    "install_as_celery": ".installing",
    "maybe_patch_concurrency": ".concurrency",
    "shared_task": ".app",
    "uuid": ".utils",
    **dict.fromkeys(
        (
            "Signature",
            "chain",
            "chord",
            "chunks",
            "group",
            "maybe_signature",
            "signature",
            "subtask",
            "xmap",
            "xstarmap",
        ),
        ".canvas",
    ),
}


#: Modules that Celery has as attributes although nobody imported them.
_OLD_MODULES = ("execute", "log", "messaging", "registry")


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, as Celery does: importing the package alone must cost little."""
    if name in _OLD_MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name], __name__), name)
    return value


def includeme(config: Any) -> None:
    """``config.include("compat")``: Celery's tasks run in the application's scheduler."""
    from .pyramid import includeme as include

    include(config)
