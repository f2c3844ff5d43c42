"""Housekeeping: what is outdated is dropped, now and then."""

from __future__ import annotations

import logging
import threading

from .core.errors import SchedulerError
from .core.interfaces import Ledger
from .core.settings import Settings

log = logging.getLogger(__name__)

#: After the start of its process. Processes that are replaced within the period keep house, too.
FIRST_SECONDS = 60.0


class Housekeeping:
    """Prunes the ledger, then calls ``scheduler.housekeeping.append``."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._history_seconds = settings.history_seconds
        self._append = settings.housekeeping_append
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """``run`` in a thread, as nothing that is due may wait for it; not while the last is still at it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._try, name="pscheduler-housekeeping", daemon=True)
            self._thread.start()

    def _try(self) -> None:
        try:
            self.run()
        except SchedulerError as error:
            log.warning("housekeeping waits for its next time: %s", error)
        except Exception:
            log.exception("housekeeping failed, and waits for its next time")

    def run(self) -> None:
        """Keep house now."""
        counts = self._ledger.prune(self._history_seconds)
        log.info("housekeeping dropped %s", ", ".join(f"{n} of {table}" for table, n in counts.items()))
        if self._append is not None:
            try:
                self._append()
            except Exception:
                log.exception("scheduler.housekeeping.append raised; housekeeping itself is done")
