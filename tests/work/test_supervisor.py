"""A supervisor in a process of its own, with real children that are really killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fleet import ROOT, wait_for
from tests.work.supervised import SHUTDOWN_SECONDS


class Crew:
    """One supervisor and the lines its children left."""

    def __init__(self, directory: Path, processes: int, conduct: str, within: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.work.supervised", str(directory), str(processes), conduct, within],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def lines(self, word: str) -> list[list[str]]:
        path = self.directory / "lines"
        lines = [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []
        return [line[1:] for line in lines if line[0] == word]

    def up(self, count: int) -> list[list[str]]:
        """The first ``count`` that ever came up: pid, name, role."""
        wait_for(lambda: len(self.lines("up")) >= count, what=f"{count} children")
        return self.lines("up")

    def worker(self) -> tuple[str, str]:
        """The first one that came up beside a timekeeper: pid, name."""
        return next((pid, name) for pid, name, role in self.up(2) if role == "worker")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 20) -> int:
        return self.process.wait(seconds)

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()


@pytest.fixture
def make_crew(tmp_path: Path) -> Iterator[Callable[..., Crew]]:
    crews: list[Crew] = []

    def make(processes: int = 1, conduct: str = "work", within: str = "") -> Crew:
        crews.append(Crew(tmp_path, processes, conduct, within))
        return crews[-1]

    yield make
    for crew in crews:
        try:
            os.killpg(crew.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        crew.process.wait()


Make = Callable[..., Crew]


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_workers_and_a_timekeeper_come_up_each_under_a_name_of_its_own(make_crew: Make) -> None:
    crew = make_crew(processes=2)
    up = crew.up(3)
    assert sorted(role for _, _, role in up) == ["timekeeper", "worker", "worker"]
    assert len({name for _, name, _ in up}) == 3
    crew.signal(signal.SIGTERM)
    assert crew.wait() == 0
    assert "up: 2" in crew.output()


@pytest.mark.parametrize("daemon", ["thread", "process"])
def test_a_daemon_of_another_program_may_be_a_supervisor_and_its_children_end_with_it(
    make_crew: Make, daemon: str
) -> None:
    crew = make_crew(within=daemon)
    up = crew.up(2)
    crew.signal(signal.SIGINT)
    wait_for(lambda: not any(is_running(pid) for pid, _, _ in up))


def test_the_supervisor_beats_for_its_workers_and_not_for_the_timekeeper(make_crew: Make) -> None:
    crew = make_crew(processes=2)
    workers = sorted(name for _, name, role in crew.up(3) if role == "worker")
    wait_for(lambda: workers in crew.lines("beat"))


def test_a_killed_child_is_replaced_and_its_claims_are_released_at_once(make_crew: Make) -> None:
    crew = make_crew()
    pid, name = crew.worker()
    os.kill(int(pid), signal.SIGKILL)
    killed_at = time.monotonic()
    wait_for(lambda: [name] in crew.lines("release"))
    assert time.monotonic() - killed_at < 2
    assert crew.up(3)[-1][2] == "worker"
    wait_for(lambda: crew.lines("beat") and name not in crew.lines("beat")[-1])


def test_who_shares_a_connection_has_it_ended_by_the_supervisor_and_acked_what_was_not(
    make_crew: Make, tmp_path: Path
) -> None:
    crew = make_crew(conduct="share")
    (tmp_path / "generous").touch()
    pid, name = crew.worker()
    wait_for(lambda: open_files(crew.process.pid, "shared"))
    assert not open_files(crew.process.pid, "lost")
    os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: crew.lines("hung up"))
    assert crew.lines("hung up")[0] == ["shared", "running", "and", "acking"]
    wait_for(lambda: [name, "running", "acking", "acked"] in crew.lines("release"))


def test_the_connections_of_several_that_end_at_once_are_ended_at_the_same_time(make_crew: Make) -> None:
    crew = make_crew(processes=2, conduct="share and stay")
    crew.up(3)
    crew.signal(signal.SIGQUIT)
    assert crew.wait(10) == 0
    assert len(crew.lines("hanging up")) == 3


def test_where_there_is_no_room_for_a_connection_that_is_shared_all_go_on(make_crew: Make, tmp_path: Path) -> None:
    crew = make_crew(conduct="share")
    pid, name = crew.worker()
    limit = resource.prlimit(crew.process.pid, resource.RLIMIT_NOFILE)
    taken = set(map(int, os.listdir(f"/proc/{crew.process.pid}/fd")))
    full = min(set(range(len(taken) + 1)) - taken)
    resource.prlimit(crew.process.pid, resource.RLIMIT_NOFILE, (full, limit[1]))
    (tmp_path / "generous").touch()
    assert crew.process.stdout is not None
    for _ in ("lost", "shared"):
        assert any(f"if {name} is killed" in line for line in crew.process.stdout)
    resource.prlimit(crew.process.pid, resource.RLIMIT_NOFILE, limit)
    os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: [name, "running", "acking", "acked"] in crew.lines("release"))
    assert not crew.lines("hung up")


def open_files(pid: int, name: str) -> list[str]:
    """The descriptors of that process for files of that name."""
    directory = Path(f"/proc/{pid}/fd")
    return [fd for fd in os.listdir(directory) if Path(os.readlink(directory / fd)).name == name]


def test_an_error_that_nobody_foresaw_in_beating_or_releasing_ends_neither_the_supervisor_nor_its_children(
    make_crew: Make, tmp_path: Path
) -> None:
    crew = make_crew()
    pid, name = crew.worker()
    (tmp_path / "stones").touch()
    os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: {("beat",), ("release",)} <= set(map(tuple, crew.lines("stumbled"))))
    (tmp_path / "stones").unlink()
    wait_for(lambda: [name] in crew.lines("release"))
    assert len(crew.up(3)) == 3


def test_where_there_is_no_room_for_a_new_child_the_others_live_on_until_there_is(make_crew: Make) -> None:
    crew = make_crew(processes=2)
    up = crew.up(3)
    pid, _ = crew.worker()
    supervisor, (least, most) = crew.process.pid, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{supervisor}/fd")), most))
    os.kill(int(pid), signal.SIGKILL)
    assert crew.process.stdout is not None
    assert any("could not start: OSError" in line for line in crew.process.stdout)
    assert all(is_running(other) for other, _, _ in up if other != pid)
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (least, most))
    assert crew.up(4)[-1][2] == "worker"


def test_a_child_that_has_done_its_share_is_replaced_without_delay(make_crew: Make) -> None:
    crew = make_crew(conduct="recycle")
    crew.up(8)  # with the backoff of children that die this would take a minute
    assert len(crew.lines("release")) >= 4


def test_a_first_signal_lets_children_finish_and_a_second_ends_them_at_once(make_crew: Make) -> None:
    crew = make_crew(conduct="deaf")
    crew.up(2)
    crew.signal(signal.SIGTERM)
    wait_for(lambda: len(crew.lines("told")) == 2)
    assert {float(line[1]) for line in crew.lines("told")} == {SHUTDOWN_SECONDS}
    crew.signal(signal.SIGTERM)
    wait_for(lambda: len(crew.lines("told")) == 4)
    assert float(crew.lines("told")[-1][1]) == 0
    assert crew.wait(5) == 0


def test_sigquit_ends_all_at_once_and_in_order_whoever_gets_it(make_crew: Make) -> None:
    crew = make_crew(conduct="deaf")
    up = crew.up(2)
    os.killpg(crew.process.pid, signal.SIGQUIT)
    assert crew.wait(5) == 0
    assert {float(line[1]) for line in crew.lines("told")} == {0}
    assert sorted(crew.lines("release")) == sorted([name] for _, name, _ in up)


def test_children_that_all_ask_for_the_end_are_told_once_and_may_finish_and_say_the_status(make_crew: Make) -> None:
    crew = make_crew(processes=2, conduct="leave")
    crew.up(3)

    (crew.directory / "tired").touch()

    assert crew.wait() == 7
    assert [seconds for _, seconds in crew.lines("told")] == [str(SHUTDOWN_SECONDS)] * 3


def test_a_child_that_came_up_unheard_is_not_killed_when_the_supervisor_is_told_to_stop(
    make_crew: Make, tmp_path: Path
) -> None:
    (tmp_path / "slow").touch()  # the supervisor is still at what the first one told it
    crew = make_crew(2)
    crew.up(3)
    crew.signal(signal.SIGTERM)
    (tmp_path / "slow").unlink()
    assert crew.wait() == 0
    assert len(crew.lines("left")) == 3


def test_a_child_that_does_not_come_up_keeps_no_supervisor_from_stopping(make_crew: Make, tmp_path: Path) -> None:
    crew = make_crew(1, "hang")
    wait_for(lambda: crew.lines("boot"))
    crew.signal(signal.SIGTERM)
    assert crew.wait() == 0


def test_children_that_do_not_stop_in_time_are_killed_and_their_claims_released(make_crew: Make) -> None:
    crew = make_crew(conduct="deaf")
    up = crew.up(2)
    crew.signal(signal.SIGTERM)
    began = time.monotonic()
    assert crew.wait() == 0
    assert time.monotonic() - began < SHUTDOWN_SECONDS + 4
    assert not any(is_running(pid) for pid, _, _ in up)
    assert sorted(crew.lines("release")) == sorted([name] for _, name, _ in up)
    assert crew.lines("closed")


def test_sighup_replaces_the_children_one_after_the_other(make_crew: Make) -> None:
    crew = make_crew(processes=2)
    first = {pid for pid, _, _ in crew.up(3)}
    crew.signal(signal.SIGHUP)
    crew.up(6)
    wait_for(lambda: {pid for (pid,) in crew.lines("left")} == first)
    order = [line.split("\t")[0] for line in (crew.directory / "lines").read_text().splitlines()]
    assert [word for word in order if word in ("boot", "told")] == ["boot"] * 3 + ["told", "boot"] * 3
    assert crew.process.poll() is None


def test_sigusr1_says_what_supervisor_and_children_are_at_and_ends_none(make_crew: Make) -> None:
    crew = make_crew()
    pids = [int(pid) for pid, *_ in crew.up(2)]

    for pid in (crew.process.pid, *pids):
        os.kill(pid, signal.SIGUSR1)
        beats = len(crew.lines("beat"))
        wait_for(lambda beats=beats: len(crew.lines("beat")) > beats)  # type: ignore[misc]
    crew.signal(signal.SIGTERM)

    assert crew.wait() == 0
    assert sorted(int(pid) for (pid,) in crew.lines("left")) == sorted(pids)
    assert crew.output().count(" in run\n") >= 3  # a supervisor's, and each child's: none wrote into another's


def test_after_sighup_the_old_children_stay_if_the_new_one_cannot_start(make_crew: Make) -> None:
    crew = make_crew(processes=2, conduct="fail later")
    up = crew.up(3)
    (crew.directory / "broken").touch()
    crew.signal(signal.SIGHUP)
    wait_for(lambda: len(crew.lines("boot")) >= 5)
    assert sum(is_running(pid) for pid, _, _ in up) == 2
    (crew.directory / "broken").unlink()
    crew.up(6)


@pytest.mark.parametrize(("conduct", "reason"), [("fail", "there is no table ps_outcome"), ("die", "exit status 9")])
def test_where_no_child_can_start_it_says_why_once_and_gives_up(make_crew: Make, conduct: str, reason: str) -> None:
    crew = make_crew(processes=2, conduct=conduct)
    assert crew.wait() == 1
    output = crew.output()
    assert f"no worker could start: {'RuntimeError: ' if conduct == 'fail' else ''}" in output
    assert output.count(reason) == 2  # logged when it happened, and said at the end
    assert len(crew.lines("boot")) <= 3


def test_a_run_that_exceeds_its_hard_limit_is_recorded_before_its_claims_are_released(make_crew: Make) -> None:
    crew = make_crew(conduct="overrun")
    wait_for(lambda: crew.lines("killed"))
    run_id, name, cause = crew.lines("killed")[0]  # the child that comes after it overruns, too
    assert (run_id, cause) == ("long", "TimeLimitExceeded")
    wait_for(lambda: [name] in crew.lines("release"))
    text = (crew.directory / "lines").read_text()
    assert text.index("killed\tlong") < text.index(f"release\t{name}")
    crew.up(3)


@pytest.mark.parametrize("conduct", ["work", "deaf"])
def test_children_without_a_supervisor_stop_soon(make_crew: Make, conduct: str) -> None:
    crew = make_crew(processes=2, conduct=conduct)
    up = crew.up(3)
    os.kill(crew.process.pid, signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: not any(is_running(pid) for pid, _, _ in up))
    assert time.monotonic() - began < 3
