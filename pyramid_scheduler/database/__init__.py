"""SQL databases, as both the SQL broker and the ledger need them. Below the wings, beside ``core``; knows no jobs."""

from .engine import Database, same_database
from .exclusive import exclusively
from .prepared import Prepared
from .watching import Watcher, watch

__all__ = ["Database", "Prepared", "Watcher", "exclusively", "same_database", "watch"]
