"""Whether this process serves: the one question combined mode must answer before it starts a thread."""

from __future__ import annotations

import sys
from types import FrameType

#: Modules that build an application in order to serve it, and modules that build it for another end. The nearest
#: to the top of the call stack decides; where none is found nothing starts before the first request.
SERVERS = (
    "pyramid.scripts.pserve",
    "gunicorn",
    "waitress",
    "uwsgi",
    "uwsgidecorators",
    "mod_wsgi",
    "granian",
    "cheroot",
)
TOOLS = (
    "pyramid.scripts",
    "pyramid.scripting",
    "pyramid.testing",
    "pyramid_scheduler.cli",
    "alembic",
    "pytest",
    "webtest",
)


def is_being_served() -> bool:
    """Look up the call stack: a server that loads the application is on it, a script or a test is not one."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if _within(module, SERVERS):
            return True
        if _within(module, TOOLS):
            return False
        frame = frame.f_back
    return False


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)
