"""What the server moves to a waiting consumer: in hand at once, and never lost with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from pyramid_scheduler.broker.transports.redis import RedisStore, open_redis_store
from pyramid_scheduler.core.waking import WakePipe
from tests import servers
from tests.broker.test_queue_store import numbers, put
from tests.fleet import ROOT, at_once, wait_for

URL = f"{servers.REDIS_URL}/11"
WAIT = """
import sys
from tests.broker.test_queue_store import open_store
store = open_store(sys.argv[1])
store.beat([sys.argv[3]])
store.wait([sys.argv[2]], 0.01, None, sys.argv[3])
print("waits", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store() -> Iterator[RedisStore]:
    servers.require("redis")
    store = open_redis_store(URL)
    yield store
    store.close()


@pytest.fixture
def queue(store: RedisStore) -> Iterator[str]:
    queue = servers.unique("queue")
    yield queue
    store.purge(queue)


@pytest.fixture
def me(store: RedisStore) -> Iterator[str]:
    me = servers.unique("consumer")
    store.beat([me])
    yield me
    store.release(me)


@pytest.fixture
def waiter(queue: str) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a process that waits as the consumer of that name."""
    started: list[subprocess.Popen[str]] = []

    def start(consumer: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WAIT, URL, queue, consumer],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait(store: RedisStore, queue: str, me: str, seconds: float = 5.0) -> None:
    store.wait([queue], seconds, None, me)


def test_what_comes_while_a_consumer_waits_is_its_own_and_acked_like_any_other(
    store: RedisStore, queue: str, me: str
) -> None:
    wait(store, queue, me, 0.01)
    put(store, queue, 1)
    assert store.size(queue) == 0  # it went to the consumer that waits
    wait(store, queue, me)
    claimed = store.claim([queue], 10, me)
    assert numbers(claimed) == [0]
    assert not claimed[0].redelivered
    store.ack([claimed[0].tag], me)
    assert store.release(me) == 0


def test_what_comes_after_it_is_taken_with_the_next_claim(store: RedisStore, queue: str, me: str) -> None:
    wait(store, queue, me, 0.01)
    put(store, queue, 5)
    wait(store, queue, me)
    first = store.claim([queue], 10, me)
    others = store.claim([queue], 10, me)
    assert numbers([*first, *others]) == [0, 1, 2, 3, 4]
    store.ack([one.tag for one in (*first, *others)], me)
    assert store.release(me) == 0


def test_what_has_landed_for_one_queue_is_taken_though_the_connection_for_another_is_gone(
    store: RedisStore, queue: str, me: str
) -> None:
    both = [queue, f"{queue}-other"]
    store.wait(both, 0.01, None, me)
    put(store, queue, 1)
    store.wait(both, 5.0, None, me)
    store.client.client_kill_filter(_id=store.link.hands[me].landings._landings[both[1]]._id, skipme=False)
    assert numbers(store.claim(both, 10, me)) == [0]
    assert store.claim(both, 10, me) == []


def test_what_was_taken_and_not_acked_comes_back_when_its_consumer_is_released(
    store: RedisStore, queue: str, me: str
) -> None:
    wait(store, queue, me, 0.01)
    put(store, queue, 1)
    wait(store, queue, me)
    (claimed,) = store.claim([queue], 10, me)
    assert store.release(me) == 1
    store.ack([claimed.tag], me)  # too late: it belongs to whoever takes it next
    (again,) = store.claim([queue], 10, f"{me}-heir")
    assert again.redelivered
    store.ack([again.tag], f"{me}-heir")


@pytest.mark.parametrize("recorded", [False, True])
def test_what_was_taken_can_be_acked_by_any_thread(store: RedisStore, queue: str, me: str, recorded: bool) -> None:
    wait(store, queue, me, 0.01)
    put(store, queue, 1)
    wait(store, queue, me)
    (claimed,) = store.claim([queue], 10, me)
    if recorded:
        assert store.claim([queue], 10, me) == []
    at_once([lambda: store.ack_now(claimed.tag, me)])
    assert store.claim([queue], 10, me) == []  # what is still to be recorded is recorded now
    assert store.release(me) == 0


def test_what_was_taken_can_be_given_back(store: RedisStore, queue: str, me: str) -> None:
    wait(store, queue, me, 0.01)
    put(store, queue, 1)
    wait(store, queue, me)
    (claimed,) = store.claim([queue], 10, me)
    store.give_back([claimed.tag], me)
    assert store.size(queue) == 1
    assert not store.claim([queue], 10, me)[0].redelivered


def test_a_consumer_that_rests_gives_back_what_came_in_the_last_moment_and_gets_no_more(
    store: RedisStore, queue: str, me: str
) -> None:
    wait(store, queue, me, 0.01)
    put(store, queue, 1)
    store.rest(me)
    put(store, queue, 1, first=1)
    assert store.size(queue) == 2
    assert numbers(store.claim([queue], 10, me)) == [0, 1]


def test_a_wait_of_a_consumer_ends_when_it_is_woken(store: RedisStore, queue: str, me: str) -> None:
    pipe = WakePipe()
    pipe.wake()
    store.wait([queue], 10, pipe.fd, me)
    assert store.claim([queue], 1, me) == []
    pipe.close()


def test_a_killed_consumer_has_not_swallowed_what_came_to_it(
    store: RedisStore, queue: str, me: str, waiter: Callable[[str], subprocess.Popen[str]]
) -> None:
    killed = waiter(f"{me}-killed")
    put(store, queue, 1)
    wait_for(lambda: store.size(queue) == 0)
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    def inherited() -> list[int]:
        store.recover(0.3)
        return numbers(store.claim([queue], 10, me))

    assert wait_for(inherited) == [0]


def test_a_stopped_consumer_keeps_nothing_that_comes_later(
    store: RedisStore, queue: str, me: str, waiter: Callable[[str], subprocess.Popen[str]]
) -> None:
    stopped = waiter(f"{me}-stopped")
    stopped.send_signal(signal.SIGSTOP)
    put(store, queue, 1)
    found: list[int] = []

    def has_all() -> bool:
        store.beat([me])
        store.recover(0.3)
        found.extend(numbers(store.claim([queue], 10, me)))
        return 0 in found

    wait_for(has_all)
    wait_for(lambda: put(store, queue, 1, first=1) or store.size(queue) or store.recover(0.3))  # it waits no more
    stopped.send_signal(signal.SIGCONT)
    wait_for(lambda: has_all() and 1 in found)
