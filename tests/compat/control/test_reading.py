"""What the command line is told, and whether it can be read."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from compat import Celery
from compat.bin.celery import main

proj = Celery("proj", broker="memory://", set_as_current=False)
APP = ("-A", f"{__name__}:proj")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("call", "add", "-a", "[1,"), "argument -a/--args: Expecting value"),
        (("call", "add", "-a", '{"x": 1}'), "is not a JSON list"),
        (("call", "add", "-k", "[1]"), "is not a JSON object"),
        (("call", "add", "--eta", "tomorrow"), "unable to parse date string 'tomorrow'"),
        (("call", "add", "--expires", "soon"), "unable to parse date string 'soon'"),
        (("worker", "-l", "loud"), "'loud' is not one of"),
        (("worker", "-l", "10"), "'10' is not one of"),
        (("beat", "-l", "loud"), "'loud' is not one of"),
    ],
)
def test_a_text_that_cannot_be_read_is_an_error_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main((*APP, *words))

    assert refused.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("inspect", "nope"), "Error: Command nope not recognized. Available inspect commands: active, "),
        (("control", "stats"), "Error: Command stats not recognized. Available control commands: add_consumer, "),
        (("inspect",), "Error: Missing argument 'COMMAND'"),
        (("control", "pool_grow", "many"), "Error: celery control pool_grow: invalid literal for int()"),
    ],
)
def test_a_command_that_workers_would_not_understand_is_not_sent(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert main((*APP, *words)) == 2
    assert said in capsys.readouterr().err


def test_commands_are_listed_with_what_they_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert main((*APP, "control", "--list")) == 0

    assert capsys.readouterr().out.startswith("Control Commands:\n  add_consumer <queue>")


def test_a_call_from_the_command_line_carries_what_it_was_told(mocker: MockerFixture) -> None:
    send = mocker.patch.object(proj, "send_task")

    main((*APP, "call", "add", "-a", "[1]", "-k", '{"y": 2}', "--eta", "2030-01-01T00:00:00", "--expires", "60"))

    given = {"args": [1], "kwargs": {"y": 2}, "eta": "2030-01-01T00:00:00", "expires": 60.0, "serializer": "json"}
    send.assert_called_once_with("add", **given)
