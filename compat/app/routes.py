"""``task_routes``: which queue a task goes to."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from kombu.entity import Queue

from ..exceptions import QueueNotFound
from ..utils.collections import lpmerge
from ..utils.functional import maybe_evaluate, mlazy
from ..utils.imports import symbol_by_name


class MapRoute:
    """Routes by name, by glob (``"feeds.*"``) and by compiled pattern; the first that fits, exact names first."""

    def __init__(self, map: Any) -> None:
        self.map: dict[str, Any] = {}
        self.patterns: dict[re.Pattern[str], Any] = {}
        for key, route in map.items() if isinstance(map, Mapping) else map:
            if isinstance(key, re.Pattern):
                self.patterns[key] = route
            elif "*" in key:
                self.patterns[re.compile(fnmatch.translate(key))] = route
            else:
                self.map[key] = route

    def __call__(self, name: str, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        if name in self.map:
            return _as_route(self.map[name])
        return next((_as_route(route) for pattern, route in self.patterns.items() if pattern.match(name)), None)


def _as_route(route: Any) -> dict[str, Any]:
    return {"queue": route} if isinstance(route, str) else dict(route)


class Router:
    """Decides where a call goes: explicit options, then the routes, then the default queue."""

    def __init__(self, routes: Any = None, queues: Any = None, create_missing: bool = False, app: Any = None) -> None:
        self.app = app
        self.queues = {} if queues is None else queues
        self.routes = [] if routes is None else routes
        self.create_missing = create_missing

    def route(self, options: Any, name: str, args: Any = (), kwargs: Any = None, task_type: Any = None) -> Any:
        """``options`` with a destination; raises QueueNotFound."""
        options = self.expand_destination(options)
        found = self.lookup_route(name, args, kwargs or {}, options, task_type) if self.routes else None
        if found:
            return lpmerge(self.expand_destination(found), options)
        if "queue" in options:
            return options
        return lpmerge(self.expand_destination(self.app.conf.task_default_queue), options)

    def expand_destination(self, route: Any) -> Any:
        """``route`` (options, or a queue's name) with its queue as an object; raises QueueNotFound."""
        queue, route = (route, {}) if isinstance(route, str) else (route.pop("queue", None), route)
        if queue:
            route["queue"] = queue if isinstance(queue, Queue) else self._queue(queue)
        return route

    def _queue(self, name: str) -> Any:
        try:
            return self.queues[name]
        except KeyError:
            raise QueueNotFound(f"Queue {name!r} missing from task_queues") from None

    def lookup_route(
        self, name: str, args: Any = None, kwargs: Any = None, options: Any = None, task_type: Any = None
    ) -> Any:
        for router in self.routes:
            route = self.query_router(router, name, args, kwargs, options, task_type)
            if route is not None:
                return route
        return None

    def query_router(self, router: Any, task: str, args: Any, kwargs: Any, options: Any, task_type: Any) -> Any:
        router = maybe_evaluate(router)
        if hasattr(router, "route_for_task"):
            return router.route_for_task(task, args, kwargs)
        return router(task, args, kwargs, options, task=task_type)


def expand_router_string(router: str) -> Any:
    """The router of that name; classes with ``route_for_task`` are made instances."""
    found = symbol_by_name(router)
    return found() if hasattr(found, "route_for_task") else found


def prepare(routes: Any) -> Any:
    """The setting as a list of routers."""
    if routes is None:
        return ()
    return [_expand(route) for route in (routes if isinstance(routes, (list, tuple)) else (routes,))]


def _expand(route: Any) -> Any:
    if isinstance(route, (Mapping, list, tuple)):
        return MapRoute(route)
    lazy: Any = mlazy
    return lazy(expand_router_string, route) if isinstance(route, str) else route
