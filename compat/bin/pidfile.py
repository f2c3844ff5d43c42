"""The file with the process id."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..platforms import EX_CANTCREAT


@contextmanager
def pidfile(name: str | None, alone: bool = False) -> Iterator[None]:
    """Holds this process's id as long as the context lasts; without a name there is none.

    ``alone``: exits where it has the id of another process that lives.
    """
    if not name:
        yield
        return
    path = Path(name).absolute()
    if alone:
        _refuse_company(path)
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def _refuse_company(path: Path) -> None:
    """In a container that was killed the file may have an id that is ours now."""
    try:
        pid = int(path.read_text())
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return
    except PermissionError:
        pass  # somebody else's, and alive
    if pid != os.getpid():
        print(f"celery: {path} says that process {pid} runs already: stop it, or remove the file", file=sys.stderr)
        raise SystemExit(EX_CANTCREAT)
