"""SQL databases, as both the SQL broker and the ledger need them. Below the wings, beside ``core``; knows no jobs."""

from .engine import Database, same_database
from .exclusive import exclusively
from .peeking import Peek
from .watching import Watcher, watch

__all__ = ["Database", "Peek", "Watcher", "exclusively", "same_database", "watch"]
