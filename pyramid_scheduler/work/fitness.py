"""Whether a process can still do its work, or a job has taken away what it needs for that."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from .journal import Journal

#: A job may have many files open for a moment.
FAILURES_IN_WANT = 5


@dataclass(frozen=True)
class Fitness:
    """Of a process that a supervisor would replace."""

    journal: Journal

    def damage(self, failures: int) -> str:
        """Asked after so many failures in a row: what is wrong with this very process, in words; empty where others
        may be at fault."""
        if not self.journal.is_whole:
            return "a job has closed descriptors that were not its own"
        if failures < FAILURES_IN_WANT:
            return ""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno == errno.EMFILE:
                return "no descriptor is left: jobs leave files or connections open"
        return ""
