"""The loop of Billiard's worker processes, which tools wrap so as to send what they hold before the process ends."""

from __future__ import annotations

import os
import sys

from ..billiard.pool import EX_OK, Worker
from ..utils.log import get_logger

logger = get_logger("celery.concurrency.prefork")


def end_workloop() -> None:
    """Go through what is wrapped around the loop; that it is over is all there is to the loop.

    Only who has imported the module can have wrapped it. Billiard's own loop, where it is Billiard's, has nothing
    to work on and fails before it does anything: those around it hear of that as of any other end.
    """
    pool = sys.modules.get("billiard.pool")
    if pool is None:
        return
    ours = Worker()
    try:
        pool.Worker.workloop(ours)
        if pool.Worker is Worker:  # Billiard's own would end the process
            ours._do_exit(os.getpid(), EX_OK)
    except Exception as error:
        logger.debug("a workloop ended with %r", error)
