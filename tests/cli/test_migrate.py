"""``pscheduler migrate``, as a program and as a function."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyramid_scheduler.cli.main import main
from tests.fleet import ROOT

CODE = (
    "from celery import Celery, security\n\napp = Celery('one', broker_url='redis://', worker_prefetch_multiplier=1)\n"
)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "one.py"
    path.write_text(CODE)
    return path


def test_it_says_where_what_and_the_way_out_and_ends_with_a_sum(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["migrate", str(code)])

    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    assert lines[0] == f"{code}:1: same        celery.Celery"
    assert lines[1].startswith(f"{code}:1: unsupported celery.security: message signing")
    assert lines[2] == f"{code}:3: same        setting broker_url"
    assert lines[3].startswith(f"{code}:3: differs     setting worker_prefetch_multiplier: has no effect")
    assert lines[4] == "4 uses of Celery's names in 1 files: 2 same, 1 differs, 1 unsupported"
    assert code.read_text() == CODE


def test_brief_leaves_out_what_is_the_same(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["migrate", "--brief", str(code)])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "2 same" in lines[-1]


def test_json_carries_the_same_facts(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["migrate", "--json", "--write", str(code)])

    said = json.loads(capsys.readouterr().out)
    assert said["findings"][1]["name"] == "celery.security"
    assert said["findings"][1]["verdict"] == "unsupported"
    assert said["rewritten"] == [str(code)]
    assert said["summary"] == {"files": 1, "same": 2, "differs": 1, "unsupported": 1}


def test_the_status_is_nought_where_nothing_is_unsupported(tmp_path: Path) -> None:
    directory = shutil.copytree(ROOT / "examples" / "celery_project", tmp_path / "shop")

    assert main(["migrate", "--brief", str(directory)]) == 0


def test_a_file_that_cannot_be_read_is_told_and_makes_the_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.py").write_text("import celery\nprint 'two'\n")

    assert main(["migrate", str(tmp_path)]) == 1
    assert "old.py:1: cannot be read" in capsys.readouterr().out


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(tmp_path / "nowhere")]) == 1
    assert "there is no file or directory" in capsys.readouterr().err


def test_without_libcst_the_error_names_the_extra(code: Path) -> None:
    program = (
        "import sys; sys.modules['libcst'] = None\n"
        "from pyramid_scheduler.cli.main import main\n"
        f"sys.exit(main(['migrate', {str(code)!r}]))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "pip install 'pyramid-scheduler[migrate]'" in done.stderr
    assert "Traceback" not in done.stderr
