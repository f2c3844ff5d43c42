"""What MIGRATING.md says of Celery's names is what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from compat import Celery
from compat.app.conf import _OLD_SETTING_KEYS
from compat.app.defaults import DEFAULTS
from compat.bin.celery import COMMANDS, REFUSED, _parser
from compat.bin.worker import IGNORED
from compat.pyramid import configure
from compat.schedules import crontab
from pyramid_scheduler.migrate.table import Kind, Verdict, table

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "MIGRATING.md").read_text()


def section(title: str) -> str:
    return TEXT.split(f"### {title}\n")[1].split("\n### ")[0].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    return [line.strip("|").split(" | ") for line in section(title).splitlines() if line.startswith("| `")]


def test_every_setting_of_the_table_is_one_and_those_that_are_not_the_same_are_judged_so() -> None:
    same = set(table(Kind.SETTING).names(Verdict.SAME))

    for names, said in rows("Setting by setting"):
        for name in re.findall(r"`(\w+)`", names):
            assert name in DEFAULTS, name
            assert (name in same) == ("the same" in said or name in SAID_OF_VALUES), name


#: The table says something of some of their values.
SAID_OF_VALUES = ("broker_url", "result_backend", "broker_transport_options")


def test_the_number_of_settings_is_right() -> None:
    assert f"All {len(DEFAULTS)} settings are read" in TEXT
    assert len(_OLD_SETTING_KEYS) == len(DEFAULTS)


def test_every_word_of_the_command_line_is_named_and_no_other() -> None:
    words = {
        word for first, _ in rows("The command line") for part in re.findall(r"`([^`]+)`", first) for word in [part]
    }

    assert {word.partition(" ")[0] for word in words} == {*COMMANDS, *REFUSED}


def test_the_options_of_a_worker_are_taken() -> None:
    said = next(text for first, text in rows("The command line") if "worker" in first)
    takes, ignores = re.findall(r"`(-[^`]*-[^`]*)`", said)[:2]
    commands: Any = next(action for action in _parser()._actions if action.dest == "command")
    known = {name for action in commands.choices["worker"]._actions for name in action.option_strings}

    assert set(takes.split()) <= known - set(IGNORED)
    assert set(ignores.split()) <= known


def test_the_ini_file_of_pyramid_celery_is_read_as_it_stands(tmp_path: Path) -> None:
    ini = tmp_path / "production.ini"
    ini.write_text(re.findall(r"```ini\n(.*?)```", section("pyramid_celery"), re.DOTALL)[0])
    app: Any = Celery("ini", set_as_current=False)

    configure(app, str(ini))

    assert app.conf.imports == ["shop.tasks", "shop.mail"]
    assert app.conf.beat_schedule["nightly"]["schedule"] == crontab(hour=3, minute=30)
    assert app.conf.task_routes == {"shop.mail.send": {"queue": "mail"}}
    assert app.conf.result_backend_transport_options == {"global_keyprefix": "shop_"}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_what_it_links_to_is_there(link: str) -> None:
    assert (ROOT / link).exists()
