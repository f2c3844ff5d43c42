"""What ``pscheduler`` says to words that it does not understand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
        ("worker --threads 0 production.ini", "'0' is not a whole number from 1 to 1000000"),
        ("worker --processes -1 production.ini", "'-1' is not a whole number from 0 to 1000000"),
        ("failed --limit 99999999999999999999 production.ini", "is not a whole number from 1 to 1000000"),
        ("db down production.ini", "invalid choice: 'down'"),
    ],
)
def test_what_is_not_understood_is_status_2_and_told(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words.split())
    assert left.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "Is a directory"),
        (b"\xff\xfe", "can't decode byte 0xff"),
        (b"pyramid.includes = pyramid_scheduler", "File contains no section headers."),
        (b"[server:main]", "No section 'main' "),
        (b"[app:main]\nuse = call:tests.shop:main\nscheduler.id = %(host)s", "interpolation key 'host'"),
        (b"[app:main]\nuse = call:tests.shop:main\nscheduler.broker.url = kavka://here", "No such transport: kavka"),
        (b"[app:main]\nuse = call:tests.shop:main\nscheduler.ledger.url = ://here", "is no database's URL"),
    ],
)
def test_what_is_wrong_with_the_configuration_is_told_in_words(
    content: bytes | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ini = tmp_path / "production.ini"
    if content is None:
        ini.mkdir()
    else:
        ini.write_bytes(content)
    assert main(["check", str(ini)]) == 1
    captured = capsys.readouterr()
    assert told in captured.out + captured.err


def test_a_worker_does_not_begin_with_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "production.ini").write_bytes(b"\xff\xfe")
    assert main([str(tmp_path / "production.ini")]) == 1
    assert "production.ini cannot be read" in capsys.readouterr().err


def test_who_has_read_enough_of_an_answer_is_told_no_more(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pyramid_scheduler", "migrate", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as errors:
        assert errors.read() == b""
    assert process.wait() == 141
