"""The few names of Billiard that other people's code imports.

``install_as_celery`` answers to ``import billiard`` with this, where Billiard itself is not installed.
"""

from __future__ import annotations

from multiprocessing import cpu_count, current_process

__all__ = ("VERSION", "__version__", "cpu_count", "current_process")

#: The version whose names these are.
__version__ = "4.3.2"
VERSION = (4, 3, 2, "")
