"""A worker in threads of this process."""

from ..worker.controller import WorkController as Worker
from ..worker.controller import logger

__all__ = ["Worker", "logger"]
