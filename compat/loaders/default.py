"""The loader of the app that exists where none was made."""

from __future__ import annotations

import os
import warnings
from typing import Any

from ..exceptions import NotConfigured
from ..utils.collections import DictAttribute
from ..utils.serialization import strtobool
from .base import BaseLoader

DEFAULT_CONFIG_MODULE = "celeryconfig"
C_WNOCONF = strtobool(os.environ.get("C_WNOCONF", False))


class Loader(BaseLoader):
    """Reads ``celeryconfig.py``, or the module that CELERY_CONFIG_MODULE names."""

    def setup_settings(self, settingsdict: Any) -> Any:
        return DictAttribute(settingsdict)

    def read_configuration(self, fail_silently: Any = True) -> Any:
        name = os.environ.get("CELERY_CONFIG_MODULE", DEFAULT_CONFIG_MODULE)
        try:
            module = self._import_config_module(name)
        except ImportError:
            if not fail_silently:
                raise
            if C_WNOCONF:
                text = f"No {name} module found! Please make sure it exists and is available to Python."
                warnings.warn(NotConfigured(text), stacklevel=2)
            return self.setup_settings({})
        self.configured = True
        return self.setup_settings(module)
