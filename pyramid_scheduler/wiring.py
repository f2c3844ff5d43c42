"""The wings of one scheduler, built when first asked for, and handed to each other here and nowhere else."""

from __future__ import annotations

from functools import cached_property

from .broker.broker import open_broker
from .broker.envelope import make_sealer
from .broker.url import is_local
from .core.clock import Clock
from .core.interfaces import Broker, Emit, Ledger, Sealer
from .core.settings import Settings
from .core.task import TaskRegistry
from .ledger.ledger import open_ledger

DEFAULT_BROKER_URL = "sqlite:///pyramid_scheduler.sqlite"
DEFAULT_LEDGER_URL = "sqlite:///pyramid_scheduler.sqlite"


class Wiring:
    """Broker, sealer, ledger; and the worker and timekeeper that are made of them."""

    def __init__(self, settings: Settings, clock: Clock, tasks: TaskRegistry, emit: Emit) -> None:
        self.settings = settings
        self.clock = clock
        self.tasks = tasks
        self.emit = emit

    @cached_property
    def broker(self) -> Broker:
        return open_broker(self.settings, self.clock)

    @cached_property
    def sealer(self) -> Sealer:
        return make_sealer(self.settings, self.clock, local=is_local(self.settings.broker_url or DEFAULT_BROKER_URL))

    @cached_property
    def ledger(self) -> Ledger:
        url = ledger_url(self.settings)
        ledger = open_ledger(url, self.clock, embedded=url.startswith("sqlite"))
        ledger.open()
        return ledger
