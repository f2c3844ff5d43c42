"""Whether this process serves: the one question combined mode must answer before it starts a thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType

#: Modules that build an application in order to serve it, and modules that build it for another end. Of those on the
#: call stack the innermost decides; where none is found nothing starts before the first request.
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
#: A server that loads the application in a parent, to fork the processes that serve it.
FORKING_PARENT, FORKED_CHILD = "gunicorn.arbiter", "gunicorn.workers"


def start_when_served(start: Callable[[], None]) -> None:
    """Call ``start`` if a server is loading the application; in the children if it is going to fork."""
    modules = list(_modules_on_the_stack())
    if not _is_served(modules):
        return
    if _any_within(modules, FORKING_PARENT) and not _any_within(modules, FORKED_CHILD):
        _start_in_children(start)
    else:
        start()


def _start_in_children(start: Callable[[], None]) -> None:
    """Only in our own: a job that forks must not start another worker."""
    parent = os.getpid()

    def in_child() -> None:
        if os.getppid() == parent:
            start()

    os.register_at_fork(after_in_child=in_child)


def _modules_on_the_stack() -> Iterator[str]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame.f_globals.get("__name__", "")
        frame = frame.f_back


def _is_served(modules: list[str]) -> bool:
    for module in modules:
        if _within(module, SERVERS):
            return True
        if _within(module, TOOLS):
            return False
    return False


def _any_within(modules: list[str], package: str) -> bool:
    return any(_within(module, (package,)) for module in modules)


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)
