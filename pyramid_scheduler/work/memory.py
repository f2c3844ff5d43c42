"""How much memory this process has."""

from __future__ import annotations

import os
import sys


def resident_bytes() -> int:
    """What is resident now; where the system does not tell, the most there ever was."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # not Linux
        import resource

        unit_bytes = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes
