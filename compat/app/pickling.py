"""Apps as pickles: what made them, and what was configured since."""

from __future__ import annotations

from typing import Any

from .utils import AppPickler, _unpickle_app, _unpickle_app_v2


class Pickled:
    """Subclasses may override ``__reduce_keys__``, or, in the old way, ``__reduce_args__``."""

    Pickler = AppPickler
    main: str | None
    configured: bool
    namespace: str | None
    loader_cls: Any
    backend_cls: Any
    amqp_cls: Any
    events_cls: Any
    log_cls: Any
    control_cls: Any
    task_cls: Any
    fixups: Any
    _conf: Any
    _preconf: Any
    _config_source: Any
    _config_source_silent: bool
    _using_v1_reduce: Any

    def __reduce__(self) -> Any:
        if self._using_v1_reduce:
            return self.__reduce_v1__()
        return _unpickle_app_v2, (type(self), self.__reduce_keys__())

    def __reduce_v1__(self) -> Any:
        return _unpickle_app, (type(self), self.Pickler, *self.__reduce_args__())

    def __reduce_keys__(self) -> dict[str, Any]:
        """The arguments that make the app again."""
        return {
            "main": self.main,
            "changes": self._conf.changes if self.configured else self._preconf,
            "loader": self.loader_cls,
            "backend": self.backend_cls,
            "amqp": self.amqp_cls,
            "events": self.events_cls,
            "log": self.log_cls,
            "control": self.control_cls,
            "fixups": self.fixups,
            "config_source": self._config_source,
            "config_source_silent": self._config_source_silent,
            "task_cls": self.task_cls,
            "namespace": self.namespace,
        }

    def __reduce_args__(self) -> tuple[Any, ...]:
        keys = self.__reduce_keys__()
        changes = keys["changes"] if self.configured else {}
        names = ("loader", "backend", "amqp", "events", "log", "control")
        source = (False, self._config_source, self._config_source_silent)
        return (self.main, changes, *(keys[name] for name in names), *source)
