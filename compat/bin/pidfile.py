"""The file with the process id."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def pidfile(name: str | None) -> Iterator[None]:
    """Holds this process's id as long as the context lasts; without a name there is none."""
    if not name:
        yield
        return
    path = Path(name).absolute()
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
