"""The logger that says which tasks are received: programs ask for it here, to turn it down."""

from __future__ import annotations

from ..utils.log import get_logger

logger = get_logger("celery.worker.strategy")
