"""Commands of Click's: those that other packages add to ``celery``, and ``celery`` as a part of theirs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from compat import Celery
from compat.bin import base
from compat.bin.celery import celery, main
from compat.signals import user_preload_options

app = Celery("foreign", broker="memory://", set_as_current=False, audit_pidfile="/run/audit.pid")
APP = ("-A", f"{__name__}:app")
AUDIT = """
import click
from compat.bin.base import COMMA_SEPARATED_LIST, CeleryDaemonCommand, CeleryOption, handle_preload_options

@click.command(cls=CeleryDaemonCommand)
@click.option("-n", "--names", cls=CeleryOption, type=COMMA_SEPARATED_LIST, help_group="Audit Options")
@click.option("--app", default="mine")
@click.argument("rest", nargs=-1)
@click.pass_context
@handle_preload_options
def audit(ctx, names, app, rest, pidfile, **others):
    before = [name for option in ctx.parent.command.params for name in option.opts]
    if names == ["fail"]:
        raise click.UsageError("no such name")
    if names == ["leave"]:
        ctx.exit(3)
    ctx.obj.echo(f"{ctx.obj.app.main} {names} {app} {rest} {pidfile} {ctx.obj.quiet} {'--broker' in before}")
"""
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Status and outputs, where a package is installed that adds the word ``audit`` (and ``broken``)."""
    (tmp_path / "auditing.py").write_text(AUDIT)
    (metadata := tmp_path / "auditing-1.0.dist-info").mkdir()
    (metadata / "METADATA").write_text("Name: auditing\nVersion: 1.0\n")
    words = "audit = auditing:audit\nbroken = auditing:AUDITS\nplain = auditing:__name__\nworker = auditing:audit\n"
    (metadata / "entry_points.txt").write_text(f"[celery.commands]\n{words}")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "auditing", raising=False)

    def spoken(*words: str) -> tuple[int, str, str]:
        status = main(words)
        return status, *capsys.readouterr()

    return spoken


def test_a_word_of_another_package_runs_its_command_with_all_that_follows_it(say: Say) -> None:
    status, out, _ = say(*APP, "-q", "audit", "--names", "a,b", "--app", "theirs", "x", "-f", "log")

    assert (status, out) == (0, "foreign ['a', 'b'] theirs ('x',) /run/audit.pid True True\n")


def test_its_options_have_variables_and_its_help_has_them_in_groups(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_AUDIT_NAMES", "c")

    assert "foreign ['c'] mine ()" in say(*APP, "audit")[1]
    text = say(*APP, "audit", "--help")[1]
    assert text.index("Audit Options:") < text.index("--names") < text.index("Daemonization Options:")


def test_its_end_is_the_status(say: Say) -> None:
    status, _, err = say(*APP, "audit", "-n", "fail")

    assert (status, "no such name" in err) == (2, True)
    assert say(*APP, "audit", "-n", "leave")[0] == 3


def test_what_is_no_command_is_refused_and_none_takes_the_place_of_a_word_of_ours(say: Say) -> None:
    assert "auditing:__name__, which has that name in celery.commands, is no command" in say(*APP, "plain")[2]
    assert "broken: auditing:AUDITS cannot be loaded" in say(*APP, "broken")[2]
    assert say(*APP, "worker", "-P", "gevent")[2].startswith("celery worker: the pool gevent is not supported")


def test_the_app_starts_it_by_its_word_alone(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.start(["audit", "y"]) == 0
    assert "('y',)" in capsys.readouterr().out


def test_celery_is_a_command_that_other_command_lines_take_in(say: Say) -> None:
    group = click.Group("shop", commands=[celery])

    done = CliRunner().invoke(group, ["celery", *APP, "audit", "-n", "a", "z"])

    assert (done.exit_code, done.output) == (0, "foreign ['a'] mine ('z',) /run/audit.pid False True\n")
    with pytest.raises(SystemExit) as end:
        celery([*APP, "multi"])
    assert end.value.code == 64


def test_options_of_all_words_go_to_their_receivers_and_not_to_the_command(mocker: Any) -> None:
    class Context:
        obj = base.CLIContext(Celery("preload", set_as_current=False))

    Context.obj.app.user_options["preload"].add(click.Option(["--ini"]))
    receiver = mocker.Mock()
    user_preload_options.connect(receiver)

    assert base.handle_preload_options(lambda ctx, **options: options)(Context, ini="x", more=1) == {"more": 1}
    assert receiver.call_args.kwargs["options"] == {"ini": "x"}
    user_preload_options.disconnect(receiver)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (base.COMMA_SEPARATED_LIST, "a,b", ["a", "b"]),
        (base.JSON_ARRAY, "[1]", [1]),
        (base.JSON_OBJECT, '{"a": 1}', {"a": 1}),
        (base.ISO8601, "2030-01-02T03:04:05Z", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (base.ISO8601_OR_FLOAT, "1.5", 1.5),
        (base.LOG_LEVEL, "info", 20),
    ],
)
def test_what_options_are_is_read(kind: Any, text: str, value: object) -> None:
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [(base.JSON_ARRAY, "{}"), (base.JSON_OBJECT, "x"), (base.ISO8601, "x"), (base.LOG_LEVEL, "LOUD")],
)
def test_what_they_are_not_is_an_error(kind: Any, text: str) -> None:
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)


def test_a_command_tells_how_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    context = base.CLIContext(app, no_color=True)
    context.error("trouble")

    assert context.pretty({"ok": "pong"}) == ("OK", "    pong")
    assert context.pretty({"error": "x"})[0] == "ERROR"
    assert context.pretty([]) == ("OK", "- empty -")
    assert capsys.readouterr().err == "trouble\n"
