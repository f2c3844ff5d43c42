"""The app."""

from __future__ import annotations

import os
import platform
import sys
import threading
import types
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from multiprocessing.util import register_after_fork
from operator import attrgetter
from typing import Any, Self

from kombu.clocks import LamportClock

from .._state import _deregister_app, _register_app, _set_current_app, set_default_app
from ..utils.dispatch import Signal
from ..utils.imports import instantiate, symbol_by_name
from ..utils.log import get_logger
from ..utils.objects import mro_lookup
from . import builtins  # noqa: F401  (defines the tasks every app has)
from .conf import PendingConfiguration as PendingConfiguration
from .configuring import Configuring
from .connecting import Connecting
from .pickling import Pickled
from .registering import Registering
from .registry import TaskRegistry
from .subclassing import Subclassing
from .utils import appstr, bugreport

__all__ = ("Celery",)
logger = get_logger("celery.app.base")
BUILTIN_FIXUPS = frozenset({"compat.fixups.django:fixup"})


def app_has_custom(app: Any, attr: str) -> Any:
    """Whether a subclass of Celery defines ``attr`` anew."""
    return mro_lookup(type(app), attr, stop={Celery, object}, monkey_patched=[__name__])


def _after_fork(app: Any) -> None:
    try:
        app._after_fork()
    except Exception as error:
        logger.info("after the fork %r could not be tidied up: %r", app, error, exc_info=True)


class Celery(Configuring, Registering, Connecting, Subclassing, Pickled):
    """An app: tasks, settings, and the way to the broker and to the results.

    Unknown keyword arguments are settings. The last app made is the current one of its thread, unless
    ``set_as_current`` is false.
    """

    SYSTEM = platform.system()
    IS_macOS = sys.platform == "darwin"
    IS_WINDOWS = sys.platform == "win32"

    main: str | None = None
    user_options: Any = None
    steps: Any = None
    builtin_fixups: Any = BUILTIN_FIXUPS
    amqp_cls: Any = "compat.app.amqp:AMQP"
    backend_cls: Any = None
    events_cls: Any = "compat.app.events:Events"
    loader_cls: Any = None
    log_cls: Any = "compat.app.log:Logging"
    control_cls: Any = "compat.app.control:Control"
    task_cls: Any = "compat.app.task:Task"
    registry_cls: Any = TaskRegistry
    on_after_fork: Any = None
    _after_fork_registered = False

    def __delattr__(self, name: str) -> None:
        """What is computed once may be forgotten before it was computed, as with Kombu's cached properties."""
        if name in self.__dict__ or not isinstance(getattr(type(self), name, None), cached_property):
            super().__delattr__(name)

    def __init__(
        self,
        main: str | None = None,
        loader: Any = None,
        backend: Any = None,
        amqp: Any = None,
        events: Any = None,
        log: Any = None,
        control: Any = None,
        set_as_current: bool = True,
        tasks: Any = None,
        broker: str | None = None,
        include: Any = None,
        changes: Any = None,
        config_source: Any = None,
        fixups: Any = None,
        task_cls: Any = None,
        autofinalize: bool = True,
        namespace: str | None = None,
        strict_typing: bool = True,
        config_source_silent: bool = False,
        **kwargs: Any,
    ) -> None:
        self._local = threading.local()
        self._backend_cache: Any = None
        self.clock = LamportClock()
        self.main = main
        self.amqp_cls = amqp or self.amqp_cls
        self.events_cls = events or self.events_cls
        self.loader_cls = loader or self._get_default_loader()
        self.log_cls = log or self.log_cls
        self.control_cls = control or self.control_cls
        self._custom_task_cls_used = bool(task_cls) or bool(app_has_custom(self, "task_cls"))
        self.task_cls = task_cls or self.task_cls
        self.set_as_current = set_as_current
        self.user_options = defaultdict(set)
        self.steps = defaultdict(set)
        self.autofinalize = autofinalize
        self.namespace = namespace
        self.strict_typing = strict_typing
        self._init_registration()
        registry_cls = symbol_by_name(self.registry_cls)
        self._tasks = tasks if isinstance(tasks, TaskRegistry) else registry_cls(tasks or {})
        self._using_v1_reduce = app_has_custom(self, "__reduce_args__")
        preset = {"broker_url": broker, "result_backend": backend, "include": include, **kwargs}
        self._init_configuration(changes, config_source, config_source_silent, preset)
        self.fixups = set(self.builtin_fixups) if fixups is None else fixups
        self._fixups = [symbol_by_name(fixup)(self) for fixup in self.fixups]
        if set_as_current:
            self.set_current()
        if self.on_configure is None:
            self.on_configure = Signal(name="app.on_configure")
        self.on_after_configure = Signal(name="app.on_after_configure", providing_args={"source"})
        self.on_after_finalize = Signal(name="app.on_after_finalize")
        self.on_after_fork = Signal(name="app.on_after_fork")
        self.on_init()
        _register_app(self)

    def _get_default_loader(self) -> Any:
        return os.environ.get("CELERY_LOADER") or self.loader_cls or "compat.loaders.app:AppLoader"

    def on_init(self) -> None:
        """For subclasses: the app is made."""

    def set_current(self) -> None:
        """Make this the app of this thread."""
        _set_current_app(self)

    def set_default(self) -> None:
        """Make this the app of all threads that have none."""
        set_default_app(self)

    def close(self) -> None:
        """Let go of the broker; for apps made for a while. ``with`` does it, too."""
        if "pipeline" in self.__dict__:
            self.__dict__.pop("pipeline").close()
        self._pool = None
        _deregister_app(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    # Commands

    def start(self, argv: Sequence[object] | None = None) -> Any:
        """Run the ``celery`` command with these arguments (default: the process's); returns its exit code."""
        from ..bin.celery import main

        return main(argv, app=self)

    def worker_main(self, argv: Sequence[object] | None = None) -> Any:
        """``start`` for a worker; raises ValueError unless ``argv`` says ``worker``."""
        argv = sys.argv if argv is None else argv
        if "worker" not in argv:
            raise ValueError(
                "The worker sub-command must be specified in argv.\n"
                "Use app.start() to programmatically start other commands."
            )
        return self.start(argv=argv)

    def bugreport(self) -> str:
        return bugreport(self)

    def select_queues(self, queues: Any = None) -> None:
        """Take from these queues only."""
        self.amqp.queues.select(queues)

    # What belongs to the app

    @cached_property
    def amqp(self) -> Any:
        return instantiate(self.amqp_cls, app=self)

    @cached_property
    def control(self) -> Any:
        return instantiate(self.control_cls, app=self)

    @cached_property
    def events(self) -> Any:
        return instantiate(self.events_cls, app=self)

    @cached_property
    def log(self) -> Any:
        return instantiate(self.log_cls, app=self)

    @cached_property
    def _canvas(self) -> Any:
        from .. import canvas

        return canvas

    def signature(self, *args: Any, **kwargs: Any) -> Any:
        """A signature bound to this app."""
        return self._canvas.signature(*args, **{**kwargs, "app": self})

    # Results

    @property
    def backend(self) -> Any:
        """Where results are kept; one per thread where it cannot be shared."""
        backend = self._backend
        if backend is None:
            backend = self._backend = self._get_backend()
        return backend

    @property
    def _backend(self) -> Any:
        shared = self._backend_cache
        return getattr(self._local, "backend", None) if shared is None else shared

    @_backend.setter
    def _backend(self, backend: Any) -> None:
        if backend.thread_safe:
            self._backend_cache = backend
        else:
            self._local.backend = backend

    def _get_backend(self) -> Any:
        from .backends import by_url

        find: Any = by_url
        cls, url = find(self.backend_cls or self.conf.result_backend, self.loader)
        return cls(app=self, url=url)

    # Processes and pickles

    def _ensure_after_fork(self) -> None:
        if not self._after_fork_registered:
            self._after_fork_registered = True
            register_after_fork(self, _after_fork)

    def _after_fork(self) -> None:
        self._pool = None
        if "amqp" in self.__dict__:
            self.amqp._producer_pool = None
        self.on_after_fork.send(sender=self)

    def _rgetattr(self, path: str) -> Any:
        return attrgetter(path)(self)

    __class_getitem__: Any = classmethod(types.GenericAlias)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {appstr(self)}>"


App = Celery
