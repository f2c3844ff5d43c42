"""What code asks the platform for."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compat.exceptions import SecurityError, SecurityWarning
from compat.platforms import (
    EX_CANTCREAT,
    DaemonContext,
    LockFailed,
    Pidfile,
    check_privileges,
    create_pidlock,
    detached,
    fd_by_path,
    get_fdmax,
    ignore_errno,
    maybe_drop_privileges,
    parse_gid,
    parse_uid,
    set_mp_process_title,
    set_process_title,
    signal_name,
    signals,
    strargv,
)
from compat.platforms.signalling import signal_asked_for

CODE = """
import os
from compat.platforms import close_open_fds
kept, also, closed = open(os.devnull), os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)
close_open_fds([2, kept, also])
os.fstat(2), os.fstat(kept.fileno()), os.fstat(also)
for gone in (0, 1, closed):
    try:
        os.fstat(gone)
    except OSError:
        continue
    raise SystemExit(f"{gone} is open")
os._exit(0)
"""
DAEMON = """
import os, sys
from compat.platforms import detached
reader, writer = os.pipe()
os.set_inheritable(writer, True)
parent = os.getpid()
fifo = sys.argv[1]
with detached(logfile=sys.argv[2], pidfile=sys.argv[3], workdir="/"):
    with open(fifo, "w") as told:
        alone = os.getpid() != parent, os.getsid(0) != os.getpid()
        print(*alone, os.getcwd(), os.readlink("/proc/self/fd/1"), file=told)
    os._exit(0)
"""


def _run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, timeout=60)


def test_all_open_files_are_closed_but_those_to_keep() -> None:
    done = _run(CODE)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_is_found_by_its_path_among_the_open_ones(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        assert fd_by_path([file.name, str(tmp_path / "absent")]) == [file.fileno()]
        assert get_fdmax() > file.fileno()


def test_a_pidfile_is_held_by_one_process_that_lives(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "worker.pid"

    with Pidfile(path) as held:
        assert held.is_locked()
        assert held.read_pid() == os.getpid()
        with pytest.raises(LockFailed):
            Pidfile(path).acquire()
    assert not path.exists()
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(SystemExit) as refused:
        create_pidlock(path)
    assert refused.value.code == EX_CANTCREAT
    assert "already exists" in capsys.readouterr().err


@pytest.mark.parametrize("left", ["", "nonsense\n", "12", f"{2**22 + 1}\n", f"{os.getpid()}\n"])
def test_a_pidfile_that_nobody_holds_is_taken_over(tmp_path: Path, left: str) -> None:
    path = tmp_path / "worker.pid"
    path.write_text(left)

    lock = create_pidlock(path)

    assert lock.read_pid() == os.getpid()
    lock.release()
    assert lock.read_pid() is None


def test_handlers_of_signals_are_set_by_the_signals_names() -> None:
    before = signal.getsignal(signal.SIGUSR2)
    try:
        signals["USR2"] = seen = lambda *args: None
        assert signals["SIGUSR2"] is seen
        signals.ignore("USR2")
        assert signals["USR2"] == signals.ignored
        signals.reset("SIGUSR2")
        assert signals["USR2"] == signals.default
        signals.update(USR2=seen, NOSUCH=seen)
        assert signals["USR2"] is seen
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_signal_that_is_none_is_an_error_which_says_what_kind() -> None:
    assert signals.signum("INT") == signals.signum("SIGINT") == signals.signum(2) == 2
    assert (signals.supported("INT"), signals.supported("IMAGINARY")) == (True, False)
    assert signal_name(15) == "TERM"
    with pytest.raises(AttributeError):
        signals.signum("IMAGINARY")
    with pytest.raises(TypeError):
        signals.signum("int")


@pytest.mark.parametrize("said", [None, "", "TERM", "sigterm", 15])
def test_remote_control_takes_a_signals_name_in_small_letters_too(said: Any) -> None:
    assert signal_asked_for(said) == signal.SIGTERM


def test_errors_are_passed_over_by_their_numbers_only() -> None:
    with ignore_errno("ENOENT", errno.EPERM):
        raise FileNotFoundError(errno.ENOENT, "gone")
    with pytest.raises(OSError, match="full"), ignore_errno("ENOENT"):
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(ValueError, match="no number"), ignore_errno("ENOENT"):
        raise ValueError("no number")


def test_users_and_groups_are_numbers_or_names() -> None:
    assert parse_uid("0") == parse_uid("root") == 0
    assert (parse_gid(5001), parse_gid("root")) == (5001, 0)
    with pytest.raises(KeyError):
        parse_uid("nobody-of-that-name")
    with pytest.raises(KeyError):
        parse_gid("no-group-of-that-name")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives up what it may do")
def test_what_root_gave_up_cannot_be_had_again() -> None:
    code = "import os; from compat.platforms import maybe_drop_privileges; maybe_drop_privileges(uid=65534)"

    done = _run(f"{code}; print(os.getuid(), os.geteuid())")

    assert (done.stdout, done.stderr) == ("65534 65534\n", "")


def test_a_user_who_stays_root_is_an_error(monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 7)
    monkeypatch.setattr(os, "getuid", lambda: 0)

    with pytest.raises(SecurityError):
        maybe_drop_privileges(uid=7)


def test_root_is_warned_of_and_pickles_for_root_are_an_error(monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.delenv("C_FORCE_ROOT", raising=False)

    with pytest.warns(SecurityWarning):
        check_privileges(["json"])
    with pytest.raises(SecurityError, match="C_FORCE_ROOT"):
        check_privileges(["pickle"])
    monkeypatch.setenv("C_FORCE_ROOT", "1")
    with pytest.warns(SecurityWarning):
        check_privileges(["pickle"])


def test_the_block_of_a_detached_process_runs_without_its_terminal(tmp_path: Path) -> None:
    fifo, log = tmp_path / "told", tmp_path / "log"
    os.mkfifo(fifo)
    started = subprocess.Popen([sys.executable, "-c", DAEMON, str(fifo), str(log), str(tmp_path / "pid")])

    with fifo.open() as told:
        assert told.read().split() == ["True", "True", "/", os.devnull]
    assert started.wait(60) == 0
    assert log.exists()


def test_a_context_that_only_pretends_stays_in_this_process(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    seen = []

    with DaemonContext(workdir=str(tmp_path), fake=True, after_chdir=lambda: seen.append(os.getpid())):
        assert seen == [os.getpid()]
    assert DaemonContext(umask="18").umask == DaemonContext(umask="022").umask == 0o22
    assert detached(fake=True).workdir == str(tmp_path)


def test_titles_and_arguments_are_what_ps_is_to_show(monkeypatch: Any) -> None:
    assert set_process_title("celeryd", info="up") == "[celeryd] up"
    assert set_mp_process_title("celeryd", hostname="w1") == "[celeryd: w1:MainProcess]"
    monkeypatch.setenv("NOSETPS", "1")
    assert set_mp_process_title("celeryd") is None
    assert strargv(["celery", "worker", "-E"]) == "worker -E"
    assert strargv(["manage.py", "celery", "worker"]) == "worker"
