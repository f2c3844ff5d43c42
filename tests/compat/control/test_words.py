"""The words of the ``celery`` command that ask, tell, send and drop; in this process."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from compat import Celery, chain, signature, states
from compat.bin.celery import main
from tests.compat.control.conftest import HOST, SECONDS, Lasting

NOBODY = 69
USAGE = 64


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("APP", "CELERY_BROKER_URL"):
        monkeypatch.setenv(name, "")  # put back after the test, whatever becomes of it


@pytest.fixture
def say(hasty: Any, capsys: pytest.CaptureFixture[str]) -> Any:
    """``say("status")`` returns the exit status and what was written to standard output and error."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(words, app=hasty)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def waiting(app: Any, queue: str) -> Any:
    with app.connection_for_read() as connection:
        return connection.default_channel.basic_get(queue, no_ack=True)


def test_status_lists_the_workers(worker: Any, say: Any) -> None:
    status, out, _ = say("status", "-t", "0.2")

    assert (status, out.splitlines()) == (0, [f"{HOST}: OK", "", "1 node online."])
    assert say("-q", "status", "-t", "0.2")[1] == f"{HOST}: OK\n"


@pytest.mark.parametrize("words", [("status",), ("inspect", "ping"), ("control", "enable_events")])
def test_it_is_an_error_that_nobody_answers(say: Any, words: tuple[str, ...]) -> None:
    status, out, err = say(*words, "-t", "0.05")

    assert (status, out) == (NOBODY, "")
    assert "No nodes replied" in err


@pytest.mark.parametrize("words", [("status",), ("inspect", "ping"), ("control", "enable_events"), ("purge", "-f")])
def test_a_broker_that_cannot_be_reached_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    app = Celery("away", broker="redis://localhost:1", set_as_current=False)
    app.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0}
    status = main(words, app=app)

    said = capsys.readouterr().err
    assert (status, said.count("\n")) == (NOBODY, 1)
    assert said.startswith(f"Error: celery {words[0]}: the broker cannot be reached: ")


def test_so_is_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    app = Celery("away", broker="sqlite:////no/such/directory/jobs.sqlite", set_as_current=False)
    app.conf.pyramid_scheduler = {"ledger.url": "sqlite://"}

    assert main(["purge", "-f"], app=app) == NOBODY
    assert capsys.readouterr().err.startswith("Error: celery purge: the broker cannot be reached: the database sqlite")


def test_an_app_that_cannot_be_loaded_is_named_in_one_line(say: Any) -> None:
    status, _, err = say("-A", "no_such_project", "status")

    assert status == USAGE
    assert len(err.splitlines()) == 1
    assert "-A no_such_project: the app cannot be loaded: No module named 'no_such_project'" in err


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("inspect", "ping"), ["OK", "        pong"]),
        (("inspect", "reserved"), ["OK", "    - empty -"]),
        (("inspect", "query_task", "none"), ["OK", "    {}"]),
        (("inspect", "registered"), ["OK", "    * lasting"]),
        (("control", "rate_limit", "none", "5/m"), ["ERROR", "        unknown task"]),
    ],
)
def test_an_answer_is_laid_out_as_celery_does(
    worker: Any, say: Any, lasting: Lasting, words: tuple[str, ...], lines: list[str]
) -> None:
    first, second = lines
    told = say(*words, "-t", "0.2")[1].splitlines()

    assert told[0] == f"->  {HOST}: {first}"
    assert second in told


def test_inspect_answers_in_json(worker: Any, say: Any, lasting: Lasting) -> None:
    result = lasting.begin(1)
    status, out, _ = say("inspect", "active", "-t", "0.3", "-j")
    [active] = json.loads(out)[HOST]

    assert (status, active["id"], active["args"]) == (0, result.id, [1])


def test_inspect_takes_arguments_and_destinations(worker: Any, say: Any, lasting: Lasting) -> None:
    result = lasting.begin()
    _, out, _ = say("inspect", "query_task", result.id, "other-id", "-t", "0.3", "-j", "-d", HOST)

    assert list(json.loads(out)[HOST]) == [result.id]
    assert say("inspect", "ping", "-d", "other@here", "-t", "0.1")[0] == NOBODY


def test_the_commands_are_listed_and_nobody_is_asked(say: Any) -> None:
    status, out, _ = say("inspect", "--list")

    assert status == 0
    assert "query_task [id1 [id2 [... [idN]]]]\n    " in out
    assert "pool_grow" in say("control", "--list")[1]
    assert say("inspect")[0] == 2


def test_control_tells_the_workers(hasty: Any, worker: Any, say: Any, lasting: Lasting) -> None:
    status, out, _ = say("control", "rate_limit", "lasting", "5/m", "-t", "0.3")

    assert status == 0
    assert "new rate limit set successfully" in out
    assert hasty.tasks["lasting"].rate_limit == "5/m"
    assert "pool will grow" in say("control", "pool_grow", "2", "-t", "0.3")[1]
    assert worker.concurrency == 4


@pytest.mark.parametrize(
    "words", [("inspect", "shutdown"), ("control", "ping"), ("inspect", "nonsense"), ("inspect", "hello")]
)
def test_a_word_of_the_other_kind_is_refused_and_not_sent(worker: Any, say: Any, words: tuple[str, str]) -> None:
    status, _, err = say(*words, "-t", "0.1")

    assert status == 2
    assert f"Command {words[1]} not recognized" in err
    assert worker.app.control.ping(timeout=SECONDS, limit=1) == [{HOST: {"ok": "pong"}}]


def test_call_sends_a_task_and_prints_its_id(hasty: Any, say: Any) -> None:
    status, out, _ = say("call", "shop.add", "-a", "[1, 2]", "-k", '{"x": 3}', "--queue", "shop", "--expires", "60")
    message = waiting(hasty, "shop")

    assert (status, out.strip()) == (0, message.headers["id"])
    assert message.payload[:2] == [[1, 2], {"x": 3}]
    assert message.headers["expires"] is not None


def test_result_prints_what_the_task_returned(hasty: Any, say: Any) -> None:
    hasty.backend.store_result("summed", {"sum": 3}, states.SUCCESS)

    assert say("result", "summed")[:2] == (0, "{'sum': 3}\n")


def test_result_prints_the_traceback_where_that_is_asked_for(hasty: Any, say: Any) -> None:
    hasty.backend.store_result("failed", ValueError("no"), states.FAILURE, traceback="Traceback of the task")

    assert say("result", "failed", "--traceback")[1] == "Traceback of the task\n"


def test_purge_drops_what_waits_in_the_queues_of_the_app(hasty: Any, say: Any) -> None:
    for _ in range(2):
        hasty.send_task("shop.add")

    assert say("purge", "-f")[:2] == (0, "Purged 2 messages from 1 queues.\n")
    assert waiting(hasty, "tests") is None


def test_purge_asks_first(hasty: Any, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty.send_task("shop.add")
    monkeypatch.setattr("builtins.input", lambda question: "no")

    assert say("purge")[0] == 1
    assert waiting(hasty, "tests") is not None


def test_purge_may_be_told_which_queues(hasty: Any, say: Any) -> None:
    hasty.send_task("shop.add")
    hasty.send_task("shop.add", queue="other")

    assert "Purged 1 messages" in say("purge", "-f", "-Q", "tests,other", "-X", "tests")[1]
    assert waiting(hasty, "tests") is not None


def test_bindings_are_listed(say: Any) -> None:
    assert say("list", "bindings")[:2] == (0, ".> tests            exchange=tests(direct) key=tests\n")


def test_the_report_has_versions_and_settings(say: Any) -> None:
    status, out, _ = say("report")

    assert status == 0
    assert "software -> celery:" in out
    assert "task_default_queue: 'tests'" in out


def test_the_shell_knows_the_app_and_its_tasks(hasty: Any, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    @hasty.task(name="shop.tally", lazy=False)
    def tally() -> None: ...

    known: dict[str, Any] = {}
    monkeypatch.setattr("code.interact", lambda banner, local: known.update(local))

    assert say("shell")[0] == 0
    assert (known["app"], known["celery"], known["tally"]) == (hasty, hasty, hasty.tasks["shop.tally"])
    assert (known["chain"], known["signature"]) == (chain, signature)
    known.clear()
    assert (say("shell", "--without-tasks")[0], "tally" in known) == (0, False)


def test_a_word_of_celerys_that_is_not_here_is_refused_with_the_way_out(say: Any) -> None:
    status, _, err = say("multi")

    assert status == USAGE
    assert "systemd" in err


def test_an_option_that_means_nothing_is_said_so(say: Any) -> None:
    assert "--unheard-of has no effect" in say("list", "bindings", "--unheard-of")[2]


def test_the_programs_name_may_come_first(say: Any) -> None:
    assert say("celery", "list", "bindings")[0] == 0


def test_the_app_and_its_broker_may_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-A", "tests.compat.control.test_words:found", "-b", "memory://elsewhere", "list", "bindings")

    assert main(words) == 0
    assert "mine" in capsys.readouterr().out
    assert found.conf.broker_url == "memory://elsewhere"


found = Celery("found", broker="memory://", set_as_current=False, task_default_queue="mine")
