"""What is known of every system so far, and how it is kept: JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from card import Card, card_of
from figures import Figures, medians
from plan import Sizes, Subject


@dataclass
class Result:
    """One system on one broker."""

    subject: Subject
    card: Card | None = None
    trials: list[Figures] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def medians(self) -> Figures:
        return medians(self.trials)

    def describe(self) -> None:
        """Raises RuntimeError."""
        self.card = card_of(self.subject.system)


def machine() -> dict[str, Any]:
    names = ("redis", "hiredis", "kombu", "psycopg")
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "libraries": {name: _version(name) for name in names},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def write_json(path: Path, about: dict[str, Any], sizes: Sizes, results: Sequence[Result]) -> None:
    """All trials and their medians. Written after every trial, so that a long run that is stopped was not in vain."""
    kept = [{**asdict(result), "name": result.subject.name, "medians": asdict(result.medians)} for result in results]
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"machine": about, "sizes": asdict(sizes), "results": kept}, indent=2))
    draft.replace(path)


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
