"""What ``pscheduler`` says to words that it does not understand."""

from __future__ import annotations

import pytest

from pyramid_scheduler.cli.main import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("chek production.ini", "did you mean 'check'?"),
        ("sing production.ini", "'sing' is neither a command nor a configuration file; the commands are jobs,"),
        ("retry production.ini", "Give an ID, or --all"),
        ("retry some-id production.ini -q mail", "-q goes with --all"),
        ("queues production.ini -q mail", "unrecognized arguments: -q"),
        ("worker --threads 0 production.ini", "'0' is not a whole number from 1 up"),
        ("worker --processes -1 production.ini", "'-1' is not a whole number from 0 up"),
        ("failed --limit 0 production.ini", "'0' is not a whole number from 1 up"),
        ("db down production.ini", "invalid choice: 'down'"),
    ],
)
def test_what_is_not_understood_is_status_2_and_told(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words.split())
    assert left.value.code == 2
    assert told in capsys.readouterr().err
