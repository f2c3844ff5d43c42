"""What a supervisor says of itself."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler import Scheduler, crew
from pyramid_scheduler.core.settings import Settings
from pyramid_scheduler.crew import Hello, SupervisorHome


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(allow=("shop",)), "the broker is local: its messages may name any function"),
        (Settings(broker_url="redis://"), "messages are not signed, and may name registered tasks"),
        (
            Settings(broker_url="redis://", allow=("shop", "mail")),
            "messages are not signed, and may name registered tasks and functions of mail, shop",
        ),
        (
            Settings(broker_url="redis://", allow=("shop",), secrets=("k",)),
            "a signed message may name any function, others registered tasks and functions of shop",
        ),
    ],
)
def test_the_banner_says_whom_it_trusts(settings: Settings, told: str) -> None:
    home = SupervisorHome(Hello(settings, ("default",), 1))
    *_, last = home.banner(1)
    home.close()
    assert last == f"  trust    {told}"


@pytest.mark.parametrize("trouble", [None, OSError("no room"), ImportError("no redis")])
def test_what_the_supervisor_needs_is_imported_while_the_fork_server_imports_and_nothing_is_in_its_way(
    mocker: MockerFixture, trouble: Exception | None
) -> None:
    steps = mocker.Mock()
    steps.ensure_running.side_effect = trouble if isinstance(trouble, OSError) else None
    steps.import_module.side_effect = trouble if isinstance(trouble, ImportError) else None
    steps.run.return_value = 3
    mocker.patch.object(crew.forkserver, "ensure_running", steps.ensure_running)
    mocker.patch.object(crew.importlib, "import_module", steps.import_module)
    mocker.patch.object(crew.Supervisor, "run", steps.run)

    assert crew.supervise(Scheduler, broker_url="redis://here") == 3
    broker = mocker.call.import_module("pyramid_scheduler.broker.transports.redis")
    assert steps.mock_calls == [mocker.call.ensure_running(), broker, mocker.call.run()]
