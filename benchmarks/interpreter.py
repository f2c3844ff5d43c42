"""Which Python runs a system: this one, or one of its own where its requirements contradict the others'."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTALL_SECONDS = 300


def interpreter_for(system: str) -> str:
    """Made on first use, and again when its file of requirements has changed; raises RuntimeError."""
    wanted = HERE / f"requirements-{system}.txt"
    if not wanted.exists():
        return sys.executable
    digest = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    directory = HERE / ".venv" / f"{system}-{digest}"
    if not (directory / "complete").exists():
        print(f"making an environment for {system} in {directory}", file=sys.stderr)
        _make(directory, wanted)
        (directory / "complete").touch()
    return str(directory / "bin" / "python")


def _make(directory: Path, requirements: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(directory))
    _run(str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(requirements))


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"its requirements were not installed within {INSTALL_SECONDS} s") from error
    if done.returncode:
        raise RuntimeError(f"its requirements could not be installed: {done.stderr[-500:].strip()}")
