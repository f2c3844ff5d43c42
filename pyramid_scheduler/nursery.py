"""Imported once, by the process that the supervisor's children are forked from: what they all need, they share.

The application is not among it: each child loads that afresh. Nothing here opens a connection or starts a thread.
"""

from __future__ import annotations

import gc
import signal

from . import crew
from .ledger import ledger

# A signal to the whole group is the supervisor's and the children's to obey: without this process they seem dead.
for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, signal.SIG_IGN)
# A collection would write to every object, and so give each child a copy of its own.
gc.collect()
gc.freeze()

__all__ = ["crew", "ledger"]
