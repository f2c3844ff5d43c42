"""The files of a code base, and the modules they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = (".py", ".ini")
#: Directories that hold other people's code, or none.
_PASSED_BY = frozenset(["__pycache__", "node_modules", "site-packages", "build", "dist", "venv", "env"])


def source_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that ``paths`` name, and the Python and ini files under the directories among them.

    Raises FileNotFoundError.
    """
    for path in paths:
        if path.is_dir():
            yield from (found for found in sorted(path.rglob("*")) if _is_source(found, path))
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"there is no file or directory {path}")


def _is_source(path: Path, top: Path) -> bool:
    if path.suffix not in SUFFIXES or not path.is_file():
        return False
    above = path.relative_to(top).parts[:-1]
    return not any(part in _PASSED_BY or part.startswith(".") for part in above)


def module_name(path: Path) -> str:
    """The dotted name under which a file is imported: as far up as there are packages."""
    parts = [] if path.stem == "__init__" else [path.stem]
    directory = path.absolute().parent
    while (directory / "__init__.py").exists():
        parts.insert(0, directory.name)
        directory = directory.parent
    return ".".join(parts)


def package_name(path: Path) -> str:
    """What relative imports in that file start from."""
    name = module_name(path)
    return name if path.stem == "__init__" else name.rpartition(".")[0]
