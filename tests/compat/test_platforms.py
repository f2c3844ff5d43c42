"""What code asks the platform for."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import os
from compat.platforms import close_open_fds
kept, also, closed = open(os.devnull), os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)
close_open_fds([2, kept, also])
os.fstat(2), os.fstat(kept.fileno()), os.fstat(also)
for gone in (0, 1, closed):
    try:
        os.fstat(gone)
    except OSError:
        continue
    raise SystemExit(f"{gone} is open")
os._exit(0)
"""


def test_all_open_files_are_closed_but_those_to_keep() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
