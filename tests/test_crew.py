"""What a supervisor says of itself."""

from __future__ import annotations

import pytest

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
