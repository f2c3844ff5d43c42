"""The application that acceptance and fault tests run: its jobs leave lines in files, one write each."""

from __future__ import annotations

import os
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response

from pyramid_scheduler.core.task import Task


def main(global_config: Any, **settings: Any) -> Any:
    with Configurator(settings=settings) as config:
        config.include("pyramid_scheduler")
        config.registry.scheduler.tasks.add(task_acked_early())
        if settings.get("shop.ticks"):
            config.add_interval_job(
                "tests.shop.jobs.tick", id="ticks", seconds=float(settings["shop.ticks"]), coalesce=False
            )
        config.add_subscriber(record, "pyramid_scheduler.api.Event")
        config.add_route("home", "/")
        config.add_view(lambda request: Response(str(os.getpid())), route_name="home")
        return config.make_wsgi_app()


def task_acked_early() -> Task:
    from tests.shop import jobs

    return Task("tests.shop.jobs.work_at_most_once", jobs.work_at_most_once, ack_early=True)


def record(event: Any) -> None:
    """Every event becomes a line: job id, type, run id, pid."""
    directory = os.environ["SHOP_DIRECTORY"]
    append(os.path.join(directory, "events"), f"{event.job_id}\t{event.type.name}\t{event.run_id}\t{os.getpid()}")


def append(path: str, line: str) -> None:
    """One write, so that lines of several processes do not mix."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)
