"""``pscheduler`` as its users type it."""

from __future__ import annotations

import itertools
import json
import signal
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pyramid_scheduler import Scheduler, Settings
from pyramid_scheduler.cli.jobs import jobs as show_jobs
from pyramid_scheduler.cli.messages import failed as show_failed
from pyramid_scheduler.cli.messages import retry
from pyramid_scheduler.core.options import NO_OPTIONS
from pyramid_scheduler.core.run import Parked, RunState
from pyramid_scheduler.core.schedule import Schedule
from tests import servers
from tests.fleet import Fleet, wait_for
from tests.shop import jobs


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet], tmp_path: Path) -> Iterator[Fleet]:
    return make_fleet(
        f"sqlite:///{tmp_path}/jobs.sqlite", **{"scheduler.queues": "default mail", "scheduler.shutdown_timeout": "5s"}
    )


def test_jobs_are_listed_shown_paused_run_resumed_and_cancelled(fleet: Fleet) -> None:
    ini = str(fleet.ini)
    fleet.start()
    with fleet.scheduler() as scheduler:
        scheduler.add_interval_job(jobs.mark, id="sweep", hours=1, args=("swept",), name="the sweep")
        wait_for(lambda: scheduler.get_job("sweep"))
    listed = fleet.command("jobs", ini).stdout
    assert "the sweep" in listed
    assert "every 1h" in listed
    assert json.loads(fleet.call("jobs", ini, "--json").stdout)[0]["id"] == "sweep"
    assert "paused" in fleet.call("pause", "sweep", ini).stdout
    assert "paused" in fleet.call("show", "sweep", ini).stdout
    fleet.command("run", "sweep", ini)
    wait_for(lambda: fleet.ends()["swept"] == 1)
    fleet.call("resume", "sweep", ini)
    assert json.loads(fleet.call("show", "sweep", ini, "--json").stdout)["job"]["state"] == "active"
    fleet.command("cancel", "sweep", ini)
    wait_for(lambda: fleet.call("jobs", ini).stdout.strip() == "no stored jobs")


def test_queues_are_counted_and_purged(fleet: Fleet) -> None:
    ini = str(fleet.ini)
    with fleet.scheduler() as scheduler:
        scheduler.add_many([(jobs.mark, ("x",))] * 3, queue="mail")
    assert json.loads(fleet.call("queues", ini, "--json").stdout) == {"default": 0, "mail": 3}
    assert "3 messages dropped" in fleet.command("purge", "mail", ini).stdout
    assert "no queue 'male'" in fleet.call("purge", "male", ini, check=False).stderr


def test_failures_are_shown_with_their_reason_and_retried(fleet: Fleet) -> None:
    ini = str(fleet.ini)
    fleet.start()
    with fleet.scheduler() as scheduler:
        job = scheduler.add_async_job(jobs.fail, args=("out of paper",))
        wait_for(lambda: scheduler.ledger.parked.get(job))
        first = scheduler.ledger.parked.get(job).parked_at
    assert "ValueError: out of paper" in fleet.call("failed", ini).stdout
    assert "Traceback" in fleet.call("show", job, ini).stdout
    assert "is back in its queue" in fleet.command("retry", job, ini).stdout
    with fleet.scheduler() as scheduler:
        wait_for(lambda: (kept := scheduler.ledger.parked.get(job)) and kept.parked_at > first)
    missing = fleet.command("retry", "nowhere", ini, check=False)
    assert missing.returncode == 1
    assert "no kept message" in missing.stderr


def test_all_that_is_kept_or_that_of_one_queue_is_retried(fleet: Fleet) -> None:
    ini = str(fleet.ini)
    with fleet.scheduler() as scheduler:
        for n, queue in enumerate(("default", "mail", "mail", "default")):
            message = scheduler.composer.async_job(jobs.mark, (n,), None, queue, NO_OPTIONS)
            kept = Parked(message.id, message, RunState.FAILED, "ValueError: out of paper")
            scheduler.ledger.history.settle([], [kept], [])
    assert "2 messages are back" in fleet.call("retry", "--all", ini, "-q", "mail").stdout
    assert json.loads(fleet.call("queues", ini, "--json").stdout) == {"default": 0, "mail": 2}
    assert "2 messages are back" in fleet.call("retry", "--all", ini, "http_port=8080").stdout
    assert "nothing has failed" in fleet.call("failed", ini).stdout


def test_a_message_that_the_broker_never_takes_keeps_no_other_from_being_retried(
    tmp_path: Path, queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    servers.require("rabbitmq")
    ledger = f"sqlite:///{tmp_path}/ledger.sqlite"
    options = {"queue_arguments": {"x-expires": 60000}}
    url = f"{servers.RABBITMQ_URL}//"
    scheduler = Scheduler(Settings(broker_url=url, broker_options=options, ledger_url=ledger, queues=(queue,)))
    made = [scheduler.composer.async_job(jobs.mark, (n,), None, queue, NO_OPTIONS) for n in range(3)]
    made[1] = replace(made[1], headers={**made[1].headers, "CC": "x"})
    kept = [Parked(message.id, message, RunState.FAILED, "no", "", n) for n, message in enumerate(made)]
    scheduler.ledger.history.settle([], kept, [])

    assert retry(scheduler, Namespace(all=True, queue=None, json=False)) == 1
    said = capsys.readouterr()
    assert said.out == "2 messages are back in their queues\n"
    assert f"{made[1].id} is still kept: " in said.err
    assert scheduler.broker.purge(queue) == 2
    assert scheduler.ledger.parked.ids() == [made[1].id]
    scheduler.shutdown(0)


def test_check_says_in_plain_words_what_is_right_and_what_is_not(fleet: Fleet) -> None:
    ini = str(fleet.ini)
    before = fleet.command("check", ini).stdout
    assert "no live worker serves queue default" in before
    fleet.start()
    wait_for(lambda: "no live worker" not in fleet.call("check", ini).stdout)
    fleet.change("scheduler.broker.url", "redis://127.0.0.1:9/0")
    dead = fleet.call("check", ini, check=False)
    assert dead.returncode == 1
    assert "error" in dead.stdout


def test_what_strangers_wrote_is_shown_and_not_obeyed_whatever_the_terminal_can_show(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fleet.environ, "PYTHONIOENCODING", "ascii")
    with fleet.scheduler() as scheduler:
        message = scheduler.composer.async_job(jobs.mark, ("x",), None, "mail", NO_OPTIONS)
        kept = Parked(message.id, message, RunState.FAILED, "a snowman \u2603 \x1b]2;clicks\x07", "\x9b2J")
        later = Schedule.once(message, time.time() + 3600, 0)
        scheduler.ledger.history.settle([], [kept], [replace(later, task="no.where"), replace(later, id="other")])
    ini = str(fleet.ini)
    shown = fleet.command("failed", ini).stdout + fleet.command("show", kept.id, ini).stdout
    assert "a snowman \\u2603" in shown
    assert not set("\x1b\x07\x9b") & set(shown)
    assert len(json.loads(fleet.call("jobs", ini, "--limit", "1", "--json").stdout)) == 1
    wrong = fleet.call("check", ini, check=False)
    assert f"1 stored jobs ({message.id}, for one) name no.where, which cannot be run" in wrong.stdout


@pytest.mark.parametrize("command", [show_jobs, show_failed])
def test_so_many_are_shown_of_all_queues_together(
    fleet: Fleet, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with fleet.scheduler() as scheduler:
        messages = [
            scheduler.composer.async_job(jobs.mark, ("x",), None, queue, NO_OPTIONS)
            for queue in ("default", "mail", "mail")
        ]
        kept = [Parked(message.id, message, RunState.FAILED, "") for message in messages]
        scheduler.ledger.history.settle([], kept, [Schedule.once(m, time.time() + 3600, 0) for m in messages])
        command(scheduler, Namespace(queue=["default", "mail"], limit=2, json=True))

    assert [one["queue"] for one in json.loads(capsys.readouterr().out)] == ["default", "mail"]


def test_status_counts(fleet: Fleet) -> None:
    status = json.loads(fleet.command("status", str(fleet.ini), "--json").stdout)
    assert status["queues"] == {"default": 0, "mail": 0}
    assert "no live workers" in fleet.call("status", str(fleet.ini)).stdout


def test_the_database_is_upgraded_and_another_version_is_an_error(fleet: Fleet, tmp_path: Path) -> None:
    import sqlite3

    ini = str(fleet.ini)
    assert "0001" in fleet.command("db", "upgrade", ini).stdout
    assert "0001" in fleet.call("db", "check", ini).stdout
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute("UPDATE ps_ledger_version SET version_num = '9999'")
    wrong = fleet.call("db", "check", ini, check=False)
    assert wrong.returncode == 1
    assert "newer" in wrong.stderr


def test_a_wrong_word_and_a_missing_file_are_told(fleet: Fleet) -> None:
    assert fleet.command("jobs", "nowhere.ini", check=False).returncode == 1
    wrong = fleet.call("jobs", str(fleet.ini), "nonsense", check=False)
    assert "neither an option nor key=value" in wrong.stderr


def test_words_in_the_wrong_order_are_told(fleet: Fleet) -> None:
    done = fleet.call("show", str(fleet.ini), "sweep", check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "pscheduler: 'sweep' is no configuration file: the file comes last, as in pscheduler show ID CONFIG.ini"
    )


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("scheduler.combind", "true", "there is no setting scheduler.combind; did you mean scheduler.combined?"),
        ("shop.ticks", "-1", "an interval job needs a positive interval: minutes=10, or hours=1, or …"),
    ],
)
def test_a_configuration_that_is_wrong_is_told_in_one_line(fleet: Fleet, key: str, value: str, told: str) -> None:
    fleet.change(key, value)
    done = fleet.command("check", str(fleet.ini), check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == f"pscheduler: {fleet.ini}: {told}"


def test_a_worker_that_cannot_start_says_why_and_exits(fleet: Fleet) -> None:
    started = time.monotonic()
    fleet.change("scheduler.combind", "true")
    wrong = fleet.command(str(fleet.ini), check=False)
    assert wrong.returncode == 1
    assert "did you mean scheduler.combined" in wrong.stdout + wrong.stderr
    assert time.monotonic() - started < 20


def test_only_the_named_queues_are_served(fleet: Fleet) -> None:
    fleet.start("worker", "-q", "mail", str(fleet.ini))
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.mark, args=("default",))
        scheduler.add_async_job(jobs.mark, args=("mail",), queue="mail")
        wait_for(lambda: fleet.ends()["mail"] == 1)
        assert scheduler.broker.size("default") == 1
    assert fleet.ends()["default"] == 0


def test_a_message_reaches_a_worker(fleet: Fleet) -> None:
    fleet.start()
    fleet.command(str(fleet.ini), "--message", "hello")
    wait_for(lambda: any(line[1] == "MESSAGE" for line in fleet.lines("events")))
    fleet.call(str(fleet.ini), "--message", "print-jobs")
    wait_for(lambda: "0 stored jobs" in fleet.logs())


def test_the_banner_says_what_it_is_connected_to_and_what_it_will_run(fleet: Fleet) -> None:
    fleet.start("worker", "--no-timekeeper", str(fleet.ini))
    for words in ("2 processes of 4 threads, and no timekeeper", "broker   sqlite", "ledger   sqlite", "default, mail"):
        assert words in fleet.logs()


def test_sighup_replaces_the_children_and_loses_nothing(fleet: Fleet) -> None:
    process = fleet.start()
    names = (f"job{n}" for n in itertools.count())
    with fleet.scheduler() as scheduler:

        def add() -> None:
            scheduler.add_many([(jobs.work, (next(names), 0.05)) for _ in range(10)])

        def pids() -> set[str]:
            return {line[2] for line in fleet.lines("effects")}

        def is_replaced() -> bool:
            add()
            return bool(pids() - before)

        add()
        wait_for(lambda: len(fleet.ends()) == 10)
        before = pids()
        process.send_signal(signal.SIGHUP)
        wait_for(is_replaced)
        added = int(next(names).removeprefix("job"))
        wait_for(lambda: len(fleet.ends()) == added)
    assert set(fleet.ends().values()) == {1}


def test_a_second_sigterm_leaves_at_once_and_the_job_runs_elsewhere(fleet: Fleet) -> None:
    fleet.change("scheduler.shutdown_timeout", "60s")
    process = fleet.start()
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.work, args=("long", 60.0))
    wait_for(lambda: fleet.count("start")["long"] == 1)

    def leaves() -> bool:
        process.send_signal(signal.SIGTERM)  # two that come at once would be one
        return process.poll() is not None

    wait_for(leaves, seconds=20)
    fleet.start()
    wait_for(lambda: fleet.count("start")["long"] == 2)


def test_a_hard_time_limit_kills_the_process_and_nothing_else_is_lost(fleet: Fleet) -> None:
    with fleet.scheduler() as scheduler:
        stuck = scheduler.add_async_job(jobs.work, args=("stuck", 60.0), time_limit=1)
        scheduler.add_many([(jobs.work, (f"job{n}", 0.1)) for n in range(40)])
        fleet.start("worker", "--processes", "1", "--threads", "2", str(fleet.ini))
        kept = wait_for(lambda: scheduler.ledger.parked.get(stuck))
        assert "TimeLimitExceeded" in kept.reason
        wait_for(lambda: len(fleet.ends()) == 40)
        wait_for(lambda: scheduler.broker.size("default") == 0)
    assert fleet.count("start")["stuck"] == 1


def test_a_soft_time_limit_interrupts_a_blocking_call_in_a_single_thread(fleet: Fleet) -> None:
    with fleet.scheduler() as scheduler:
        job = scheduler.add_async_job(jobs.work, args=("blocked", 60.0), soft_time_limit=0.5)
        fleet.start("worker", "--processes", "1", "--threads", "1", str(fleet.ini))
        assert "SoftTimeLimitExceeded" in wait_for(lambda: scheduler.ledger.parked.get(job)).reason


def test_a_worker_is_replaced_after_its_share_of_jobs(make_fleet: Callable[..., Fleet], tmp_path: Path) -> None:
    fleet = make_fleet(
        f"sqlite:///{tmp_path}/jobs.sqlite", **{"scheduler.worker.max_jobs": 10, "scheduler.worker.processes": 1}
    )
    fleet.start()
    with fleet.scheduler() as scheduler:
        for n in range(60):
            scheduler.add_async_job(jobs.work, args=(f"job{n}", 0.02))
        wait_for(lambda: len(fleet.ends()) == 60, seconds=60)
    assert len({line[2] for line in fleet.lines("effects")}) >= 3
    assert set(fleet.ends().values()) == {1}


CHANGE_SECONDS = 20.0


def test_reload_restarts_when_the_ini_file_changes(fleet: Fleet) -> None:
    fleet.start("worker", "--reload", str(fleet.ini))
    banners = fleet.logs().count("is up")
    changed_at = -CHANGE_SECONDS

    def is_up_again() -> bool:
        nonlocal changed_at
        if (
            time.monotonic() - changed_at > CHANGE_SECONDS
        ):  # who looks at the file may do so later than the worker is up
            fleet.ini.write_text(fleet.ini.read_text() + "\n# changed\n")
            changed_at = time.monotonic()
        return fleet.logs().count("is up") > banners

    wait_for(is_up_again, seconds=60)
