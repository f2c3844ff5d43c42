"""What a system says of itself."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache

from interpreter import HERE, interpreter_for

DISTRIBUTIONS = {"ours": "pyramid-scheduler"}


@dataclass(frozen=True)
class Card:
    guarantee: str
    settings: str
    version: str
    #: The workers' command lines, and those of what else it takes to run jobs of tomorrow.
    commands: tuple[tuple[str, ...], ...]
    keepers: tuple[tuple[str, ...], ...]


@cache
def card_of(system: str) -> Card:
    """Asked in the system's own interpreter, since this one may not have it; raises RuntimeError."""
    distribution = DISTRIBUTIONS.get(system, system)
    program = (
        f"import json, importlib.metadata as metadata, systems.{system} as system;"
        f"version = metadata.version({distribution!r});"
        "print(json.dumps([system.GUARANTEE, system.SETTINGS, version, system.commands(), system.keepers()]))"
    )
    done = subprocess.run(
        [interpreter_for(system), "-c", program], cwd=HERE, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-800:].strip())
    *said, commands, keepers = json.loads(done.stdout.splitlines()[-1])
    return Card(*said, commands=_frozen(commands), keepers=_frozen(keepers))


def _frozen(commands: list[list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, commands))
