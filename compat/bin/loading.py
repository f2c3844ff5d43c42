"""How each process of a worker comes by the app."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyramid_scheduler import Scheduler

from .. import _state
from ..utils.nodenames import host_format, nodename, nodesplit


@dataclass(frozen=True)
class Loading:
    """In each process: the app, made ready to run tasks; the implicit one where there is no name. Picklable."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> Scheduler:
        from ..worker.embedding import embed
        from .celery import find

        sys.path.insert(0, os.getcwd())
        number = int(_place("worker") or 1)
        hostname = _node_name(self.options.get("hostname"), number)
        app = find(self.name) if self.name else _state.get_current_app()
        app.conf.update(self.settings)
        return embed(app, self.options, hostname, speaks=_place("timekeeper") is None, first=number == 1)


def loading(app: Any, given: str | None, options: dict[str, Any]) -> Loading:
    """By the name that the command line gives; else by the one it has here, with the settings it has by now."""
    if given:
        return Loading(given, options)
    name = "" if app is _state.implicit_app else _name_of(app)
    return Loading(name, options, _changed_settings(app))


def _name_of(app: Any) -> str:
    for module in list(sys.modules.values()):
        if module is _state or not hasattr(module, "__dict__"):
            continue
        for attribute, value in list(vars(module).items()):
            if value is app:
                name = module.__name__
                return f"{'__mp_main__' if name == '__main__' else name}:{attribute}"
    raise SystemExit("celery: which app? Say -A module:attribute, or keep it in a module's attribute")


def _changed_settings(app: Any) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name, value in app.__reduce_keys__()["changes"].items():
        if name == "deprecated_settings":
            continue
        try:
            pickle.dumps(value)
        except Exception as error:
            print(f"celery: {name} is as the app's module sets it in all processes: {error}", file=sys.stderr)
        else:
            changed[name] = value
    return changed


def _node_name(given: str | None, number: int) -> str:
    """``celery@host`` for the first process of a supervisor, ``celery-2@host`` for the second, and so on."""
    name, host = nodesplit(given or "celery@%h")
    return host_format(nodename((name or "celery") + (f"-{number}" if number > 1 else ""), host))


def _place(role: str) -> str | None:
    """Which of the supervisor's processes of that role this is; None where it is not of that role."""
    found = re.search(rf"-{role}(\d*)-[0-9a-f]+$", multiprocessing.current_process().name)
    return found[1] if found else None
