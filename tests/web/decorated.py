"""Decorated functions, for a scan to find."""

from pyramid_scheduler import cron_job, interval_job, scheduler_task


@interval_job(id="sweep", minutes=10)
def sweep() -> None: ...


@cron_job(id="report", hour=3, timezone="UTC")
def report() -> None: ...


@scheduler_task(name="greet")
def greet(name: str) -> str:
    return f"hello {name}"
