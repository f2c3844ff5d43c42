"""The loader of apps."""

from .base import BaseLoader


class AppLoader(BaseLoader):
    """Reads what the app was told to."""
