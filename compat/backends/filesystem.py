"""Results as files of a directory: ``file:///var/results``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kombu.utils.encoding import bytes_to_str, ensure_bytes
from kombu.utils.uuid import uuid

from ..exceptions import ImproperlyConfigured
from .keyvalue import KeyValueStoreBackend

__all__ = ("FilesystemBackend",)


class FilesystemBackend(KeyValueStoreBackend):
    """One file per key. Raises ImproperlyConfigured for a directory that cannot be written to."""

    supports_result_compression = True

    def __init__(self, url: str | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url = url
        self.path = _directory(url)
        if not (self.path.is_dir() and os.access(self.path, os.W_OK | os.X_OK)):
            raise ImproperlyConfigured(f"results cannot be kept in {self.path}: make it a directory one can write to")

    def _file(self, key: Any) -> Path:
        return self.path / str(bytes_to_str(key))

    def get(self, key: Any) -> Any:
        try:
            return self._file(key).read_bytes()
        except FileNotFoundError:
            return None

    def mget(self, keys: Any) -> Iterator[Any]:
        return (self.get(key) for key in keys)

    def set(self, key: Any, value: Any) -> None:
        # Whoever reads meanwhile must find the old document or the new one, never half of it.
        draft = self.path / f".writing-{uuid()}"
        draft.write_bytes(ensure_bytes(value))
        draft.replace(self._file(key))

    def delete(self, key: Any) -> None:
        self._file(key).unlink(missing_ok=True)

    def cleanup(self) -> None:
        """Remove the files of expired results."""
        if not self.expires:
            return
        prefixes = tuple(map(bytes_to_str, (self.task_keyprefix, self.group_keyprefix, self.chord_keyprefix)))
        oldest = time.time() - self.expires
        for file in self.path.iterdir():
            if file.name.startswith(prefixes) and file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)

    def __reduce__(self, args: Any = (), kwargs: Any = None) -> Any:
        return super().__reduce__(args, {**(kwargs or {}), "url": self.url})


def _directory(url: str | None) -> Path:
    if not url:
        raise ImproperlyConfigured("You need to configure a path for the file-system backend: file:///var/results")
    for prefix in ("file://localhost/", "file://"):
        if url.startswith(prefix):
            return Path("/" + url[len(prefix) :] if prefix.endswith("/") else url[len(prefix) :])
    raise ImproperlyConfigured(
        f"A path for the file-system backend should conform to the file URI scheme, unlike {url}"
    )
