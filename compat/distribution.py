"""What ``importlib.metadata`` says of Celery while this package answers to its name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from pathlib import Path
from typing import Any

from . import __version__

NAME = "celery"


class CelerysDistribution(Distribution):
    """A name and a version, and no files."""

    def read_text(self, filename: str) -> str | None:
        if filename == "METADATA":
            return f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {__version__}\n"
        return f"{NAME}\n" if filename == "top_level.txt" else None

    def locate_file(self, path: Any) -> Any:
        return Path(__file__).parent.parent / path


def find(context: Any) -> Iterator[Distribution]:
    """Ours, where Celery's is asked for, or all are; but where the real one is installed only that counts.

    Who asks about certain directories, and not about what can be imported, is told of these alone.
    """
    if (context.name or NAME).lower() == NAME and context.path is sys.path and not any(_installed()):
        yield CelerysDistribution()


def _installed() -> Iterable[Distribution]:
    return MetadataPathFinder.find_distributions(DistributionFinder.Context(name=NAME))
