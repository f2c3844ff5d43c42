"""Threads in the background, and what each thread has for itself."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from compat.utils.threads import Local, LocalManager, LocalStack, bgThread, default_socket_timeout, release_local

CRASH = """
from compat.utils.threads import bgThread
class Broken(bgThread):
    def body(self): raise KeyError("on purpose")
broken = Broken(name="broken")
broken.start()
broken.join()
"""


def test_the_body_is_run_again_and_again_until_the_thread_is_stopped() -> None:
    twice = threading.Event()

    class Counting(bgThread):
        count = 0

        def body(self) -> None:
            self.count += 1
            if self.count == 2:
                twice.set()

    thread = Counting()
    thread.start()

    assert twice.wait(60)
    thread.stop()
    assert (thread.name, thread.daemon, thread.is_alive()) == ("Counting", True, False)


def test_a_thread_that_crashes_ends_its_process() -> None:
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "'broken' crashed: KeyError('on purpose')" in done.stderr


def test_what_a_thread_holds_is_released_for_it_alone() -> None:
    local, stack = Local(), LocalStack[int]()
    local.answer = 42
    stack.push(7)
    manager = LocalManager([local, stack])

    other = threading.Thread(target=manager.cleanup)
    other.start()
    other.join(60)
    assert (local.answer, stack.top) == (42, 7)
    manager.cleanup()
    assert (hasattr(local, "answer"), stack.top) == (False, None)
    assert (repr(manager), manager.get_ident()) == ("<LocalManager storages: 2>", threading.get_ident())


def test_a_manager_of_one_and_of_none() -> None:
    local = Local()
    local.answer = 42

    LocalManager(local, ident_func=lambda: 1).cleanup()
    LocalManager().cleanup()
    with pytest.raises(AttributeError):
        _ = local.answer
    release_local(local)


def test_sockets_that_are_made_in_the_block_have_its_timeout() -> None:
    with default_socket_timeout(7.5), socket.socket() as made:
        assert made.gettimeout() == 7.5
    assert socket.getdefaulttimeout() is None
