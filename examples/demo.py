"""Runs the shop of ``orders/`` with a worker beside it, on the embedded default, and tells what happened.

Exit status 0 only if all of it happened.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyramid_scheduler import Scheduler

HERE = Path(__file__).resolve().parent
PATIENCE_SECONDS = 30


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="orders-") as directory:
        os.chdir(directory)
        ini = Path(directory) / "orders.ini"
        ini.write_text((HERE / "orders.ini").read_text())
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
        sys.path.insert(0, str(HERE))
        return _tell(ini)


def _tell(ini: Path) -> int:
    say(f"A shop in {ini.parent}: its jobs wait in a SQLite file there. No server is needed.\n")
    worker = _start_worker(ini)
    try:
        happened = _run_the_shop(ini)
    finally:
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(timeout=PATIENCE_SECONDS)
    say(f"\nThe worker was told to stop, finished what it was at, and left with exit status {status}.")
    missing = [what for what, did in {**happened, "the worker left in peace": status == 0}.items() if not did]
    say("\nAll of it happened." if not missing else f"\nThis did not happen: {', '.join(missing)}.")
    return 1 if missing else 0


def _start_worker(ini: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pyramid_scheduler", str(ini)]
    say(f"$ pscheduler {ini.name}")
    log = open(ini.parent / "worker.log", "wb")  # noqa: SIM115 (the worker keeps it)
    return subprocess.Popen(command, stdout=sys.stdout, stderr=log)


def _run_the_shop(ini: Path) -> dict[str, bool]:
    from orders import jobs
    from pyramid.paster import bootstrap

    with bootstrap(str(ini)) as env:
        scheduler = env["registry"].scheduler
        orders = jobs.load_orders(HERE / "orders.csv")
        wait_for(lambda: len(scheduler.get_jobs()) == 2)
        say(f"\n{len(orders)} customers are in orders.csv. For each the shop creates an async job and a date job:")
        for customer, items in orders.items():
            scheduler.add_async_job(jobs.confirm, args=(customer, items))
            scheduler.add_date_job(jobs.remind, datetime.now(UTC) + timedelta(seconds=1.5), args=(customer,))
        late = scheduler.add_date_job(jobs.remind, datetime.now(UTC) + timedelta(seconds=60), args=("nobody",))
        failing = scheduler.add_async_job(jobs.spoil)
        wait_for(lambda: scheduler.get_job(late) is not None)
        say("The stored jobs, two of which the configuration declares:")
        for job in scheduler.get_jobs():
            say(f"   {job.kind:<9} {job.func:<28} {job.trigger}")
        scheduler.cancel_job(late)
        say("The reminder of nobody is canceled.\n")

        names = set(orders)
        happened = {
            "an async job for every customer": wait_for(lambda: _customers("confirmed") == names),
            "a date job for every customer": wait_for(lambda: _customers("reminded") == names),
            "the interval job, three times": wait_for(lambda: _count("counted") >= 3),
            "the cron job, twice": wait_for(lambda: _count("closed") >= 2),
            "the failing job is kept with its reason": wait_for(
                lambda: scheduler.ledger.parked.get(failing) is not None
            ),
            "the canceled job is over, and did not run": wait_for(lambda: _is_over(scheduler, late))
            and "nobody" not in _customers("reminded"),
        }
        for what, text in jobs.read():
            say(f"   {what:<10} {text}")
        kept = scheduler.ledger.parked.get(failing)
        say(f"   failed     {kept.message.task}: {kept.reason}" if kept else "")
        return happened


def _is_over(scheduler: Scheduler, canceled: str) -> bool:
    """It is stored no more, and the ledger remembers that it was canceled."""
    job = scheduler.get_job(canceled)
    return job is not None and job.state == "canceled" and all(one.id != canceled for one in scheduler.get_jobs())


def _customers(what: str) -> set[str]:
    from orders import jobs

    return {text.partition(":")[0] for one, text in jobs.read() if one == what}


def _count(what: str) -> int:
    from orders import jobs

    return sum(1 for one, _ in jobs.read() if one == what)


def wait_for(condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` came true in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
