"""One behaviour suite over every queue store: SQL databases and Redis."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler.broker.store_broker import StoreBroker
from pyramid_scheduler.broker.transports.redis import open_redis_store
from pyramid_scheduler.broker.transports.sql import SqlStore, open_sql_store
from pyramid_scheduler.broker.transports.store import Put, QueueStore
from pyramid_scheduler.core.errors import BrokerUnavailable, SchemaMismatch
from pyramid_scheduler.core.waking import WakePipe
from tests import own_servers, servers
from tests.fleet import ROOT, at_once, wait_for

STORES = ("sqlite", "postgresql", "mariadb", "redis")
SLOWER = [pytest.param(kind, marks=pytest.mark.fault) for kind in ("postgresql", "mariadb")]
DEPLOYMENTS = [pytest.param(kind, marks=pytest.mark.fault) for kind in own_servers.REDIS_DEPLOYMENTS]


@pytest.fixture(params=[*STORES, *DEPLOYMENTS])
def url(request: pytest.FixtureRequest, tmp_path: Path, redis_deployment: Callable[[str], str]) -> Iterator[str]:
    if request.param in own_servers.REDIS_DEPLOYMENTS:
        yield redis_deployment(request.param)
        return
    with servers.fresh_broker(request.param, tmp_path) as url:
        yield url


def open_store(url: str) -> QueueStore:
    url, options = own_servers.url_and_options(url)
    return open_redis_store(url, options=options) if is_on_redis(url) else open_sql_store(url)


def is_on_redis(url: str) -> bool:
    return url.startswith(("redis", "sentinel"))


@pytest.fixture
def store(url: str) -> Iterator[QueueStore]:
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def me() -> str:
    return servers.unique("consumer")


def payload(n: int) -> str:
    return json.dumps({"body": str(n), "n": n})


def put(store: QueueStore, queue: str, count: int, first: int = 0) -> None:
    store.put([Put(queue, payload(n)) for n in range(first, first + count)])


def numbers(claimed: Any) -> list[int]:
    return [json.loads(one.payload)["n"] for one in claimed]


def test_messages_are_claimed_oldest_first_and_at_most_as_many_as_asked_for(
    store: QueueStore, queue: str, me: str
) -> None:
    put(store, queue, 10)
    assert numbers(store.claim([queue], 4, me)) == [0, 1, 2, 3]
    assert numbers(store.claim([queue], 100, me)) == [4, 5, 6, 7, 8, 9]
    assert store.claim([queue], 1, me) == []


def test_any_thread_may_ack_and_go_on_to_publish(store: QueueStore, queue: str, me: str) -> None:
    put(store, queue, 120)
    tags = [one.tag for one in store.claim([queue], 200, me)]

    def ack_and_put() -> None:
        for tag in tags:
            store.ack_now(tag, me)
        put(store, queue, 1, first=120)

    at_once([ack_and_put])
    store.ack(tags, me)  # for certainty, where nobody waited for the answers
    assert store.release(me) == 0
    assert numbers(store.claim([queue], 10, me)) == [120]


def test_what_is_claimed_is_nobody_elses_until_it_is_acked_and_then_it_is_gone(
    store: QueueStore, queue: str, me: str
) -> None:
    put(store, queue, 3)
    claimed = store.claim([queue], 2, me)
    assert numbers(store.claim([queue], 10, f"{me}-other")) == [2]
    store.ack([one.tag for one in claimed], me)
    assert store.release(me) == 0
    assert store.release(f"{me}-other") == 1
    assert store.size(queue) == 1


def test_what_is_given_back_comes_first_again_and_is_not_redelivered(store: QueueStore, queue: str, me: str) -> None:
    put(store, queue, 5)
    claimed = store.claim([queue], 3, me)
    store.give_back([one.tag for one in claimed[1:]], me)
    again = store.claim([queue], 10, f"{me}-other")
    assert numbers(again) == [1, 2, 3, 4]
    assert not any(one.redelivered for one in again)


def test_the_claims_of_a_consumer_that_is_released_come_back_as_redelivered(
    store: QueueStore, queue: str, me: str
) -> None:
    put(store, queue, 3)
    store.claim([queue], 2, me)
    assert store.release(me) == 2
    again = store.claim([queue], 10, f"{me}-other")
    assert {n: one.redelivered for n, one in zip(numbers(again), again, strict=True)} == {0: True, 1: True, 2: False}


def test_the_claims_of_a_silent_consumer_come_back_and_those_of_a_beating_one_do_not(
    store: QueueStore, queue: str, me: str
) -> None:
    silent, beating = f"{me}-silent", f"{me}-beating"
    put(store, queue, 2)
    store.beat([silent])
    store.claim([queue], 1, silent)
    store.claim([queue], 1, beating)

    def recovered() -> list[int]:
        store.beat([beating])
        store.recover(0.5)
        return numbers(store.claim([queue], 10, "third"))

    assert wait_for(recovered) == [0]


def test_a_late_ack_of_a_consumer_that_has_lost_its_claim_takes_nothing_from_the_new_holder(
    store: QueueStore, queue: str, me: str
) -> None:
    put(store, queue, 1)
    [late] = store.claim([queue], 1, me)
    store.release(me)
    [held] = store.claim([queue], 1, "new")
    store.ack([late.tag], me)
    assert store.release("new") == 1
    assert held.redelivered
    store.ack([one.tag for one in store.claim([queue], 1, "new")], "new")
    assert store.size(queue) == 0


def test_more_urgent_messages_come_first(store: QueueStore, queue: str, me: str, url: str) -> None:
    urgent, patient = (0, 9) if is_on_redis(url) else (9, 0)
    store.put([Put(queue, payload(1), patient), Put(queue, payload(2), urgent), Put(queue, payload(3), patient)])
    assert numbers(store.claim([queue], 10, me)) == [2, 1, 3]


def test_several_queues_are_served_and_none_is_starved(store: QueueStore, queue: str, me: str) -> None:
    other = f"{queue}-other"
    put(store, queue, 5)
    put(store, other, 5, first=5)
    seen = {store.claim([queue, other], 1, me)[0].queue for _ in range(4)}
    assert seen == {queue, other}


def test_size_counts_what_waits_and_purge_drops_it(store: QueueStore, queue: str, me: str) -> None:
    put(store, queue, 5)
    store.claim([queue], 2, me)
    assert store.size(queue) == 3
    assert store.purge(queue) == 3
    assert store.size(queue) == 0
    assert store.release(me) == 2


def test_a_wait_ends_when_a_message_comes(store: QueueStore, url: str, queue: str, me: str) -> None:
    def late() -> None:
        other = open_store(url)
        put(other, queue, 1)
        other.close()

    assert store.claim([queue], 1, me) == []
    store.wait([queue], 0.01)
    thread = threading.Thread(target=late)
    started = time.monotonic()
    thread.start()
    while not store.claim([queue], 1, me):
        assert time.monotonic() - started < 5
        store.wait([queue], 5)
    thread.join()


def test_a_wait_ends_when_it_is_woken(store: QueueStore, queue: str) -> None:
    pipe = WakePipe()
    threading.Timer(0.1, pipe.wake).start()
    started = time.monotonic()
    while time.monotonic() - started < 0.09:
        store.wait([queue], 10, pipe.fd)
    assert time.monotonic() - started < 5
    pipe.close()


def test_a_process_with_very_many_open_files_waits_as_any_other(
    store: QueueStore, queue: str, me: str, many_open_files: None
) -> None:
    pipe = WakePipe()
    assert pipe.fd > 1023
    for _ in range(3):
        assert store.claim([queue], 1, me) == []
        store.wait([queue], 0.01, pipe.fd)
    put(store, queue, 1)
    assert wait_for(lambda: store.wait([queue], 0.01, pipe.fd) or store.claim([queue], 1, me))
    pipe.close()


def lose_an_answer(store: SqlStore, times: int, mocker: MockerFixture) -> None:
    """The server commits that often what it is told next, and nobody hears of it."""
    driver = store.claims.engine.dialect.loaded_dbapi
    lost = [driver.OperationalError(2013, "the connection broke")] * times
    where = (pymysql.Connection, "commit") if store.claims.kind == "mysql" else (store.claims, "execute_directly")
    proper = getattr(*where)

    def lose_the_answer(*args: Any) -> Any:
        answer = proper(*args)
        if lost:
            raise lost.pop()
        return answer

    mocker.patch.object(*where, lose_the_answer)


@pytest.mark.parametrize(("kind", "times"), [("sqlite", 1), ("postgresql", 1), ("mariadb", 1), ("mariadb", 3)])
def test_what_was_claimed_and_never_heard_of_is_claimed_again(
    kind: str, times: int, tmp_path: Path, queue: str, me: str, mocker: MockerFixture
) -> None:
    with servers.fresh_broker(kind, tmp_path) as url:
        store = open_sql_store(url)
        put(store, queue, 6)
        held = store.claim([queue], 2, me)
        lose_an_answer(store, times, mocker)
        if times > 1:  # which are all attempts
            with pytest.raises(BrokerUnavailable):
                store.claim([queue], 2, me)
        seen = [*held, *store.claim([queue], 2, me), *store.claim([queue], 10, me)]
        assert sorted(numbers(seen)) == [0, 1, 2, 3, 4, 5]
        store.ack([one.tag for one in seen], me)
        assert store.release(me) == 0
        store.close()


def test_a_claim_whose_broken_connection_still_has_locks_on_the_server_keeps_nobody_waiting(
    tmp_path: Path, queue: str, me: str
) -> None:
    with servers.fresh_broker("mariadb", tmp_path) as url:
        store = open_sql_store(url)
        put(store, queue, 4)
        held = store.claim([queue], 1, me)
        with store.claims.engine.connect() as broken:
            store._claim_in_two_steps(broken, {"queue": queue, "limit": 2, "consumer": me})
            started = time.monotonic()
            seen = [*held, *store.claim([queue], 4, me)]
            assert time.monotonic() - started < 5
        assert sorted(numbers([*seen, *store.claim([queue], 4, me)])) == [0, 1, 2, 3]
        store.close()


CLAIM_AND_DIE = """
import os, signal, sys
from tests.broker.test_queue_store import open_store
store = open_store(sys.argv[1])
store.beat([sys.argv[3]])
print(len(store.claim([sys.argv[2]], 7, sys.argv[3])), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
DRAIN = """
import os, sys
from tests.broker.test_queue_store import open_store, numbers
starting, go = os.pipe()
pids = []
for n in range(8):
    if not (pid := os.fork()):
        os.close(go)
        os.read(starting, 1)  # until all have come so far
        me = f"{sys.argv[3]}-{n}"
        store = open_store(sys.argv[1])
        while claimed := store.claim([sys.argv[2]], 7, me):
            os.write(1, "".join(f"{number}\\n" for number in numbers(claimed)).encode())
            store.ack([one.tag for one in claimed], me)
        os._exit(0)
    pids.append(pid)
os.close(go)
sys.exit(any([os.waitpid(pid, 0)[1] for pid in pids]))
"""


def process(code: str, *words: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, env=environ, cwd=ROOT
    )


def test_what_a_killed_process_had_claimed_comes_back(store: QueueStore, url: str, queue: str, me: str) -> None:
    put(store, queue, 10)
    killed = process(CLAIM_AND_DIE, url, queue, me)
    assert killed.communicate()[0].strip() == "7"
    assert killed.returncode == -signal.SIGKILL
    heirs = numbers(store.claim([queue], 100, "heir"))

    def all_inherited() -> bool:
        store.beat(["heir"])
        store.recover(1.5)  # longer than a slow server takes from the beat to here: or the heir's own come back, too
        heirs.extend(numbers(store.claim([queue], 100, "heir")))
        return len(heirs) == 10

    wait_for(all_inherited)
    assert sorted(heirs) == list(range(10))


@pytest.mark.parametrize("url", ["sqlite", "redis", *SLOWER], indirect=True)
def test_eight_competing_processes_take_every_message_once(store: QueueStore, url: str, queue: str, me: str) -> None:
    count = 1500
    put(store, queue, count)
    drain = process(DRAIN, url, queue, me)
    taken = [int(line) for line in drain.communicate()[0].split()]
    assert sorted(taken) == list(range(count))
    assert drain.returncode == 0


NOBODY_THERE = ["postgresql+psycopg://x@127.0.0.1:9/x", "mysql+pymysql://x@127.0.0.1:9/x", "redis://127.0.0.1:9/0"]


@pytest.mark.parametrize("url", NOBODY_THERE)
def test_a_dead_server_is_an_error_within_two_seconds(url: str) -> None:
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        put(open_store(url), "queue", 1)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("url", NOBODY_THERE)
def test_trying_again_and_again_to_consume_from_a_dead_server_leaves_nothing_open(url: str) -> None:
    broker = StoreBroker(url, open_store(url))

    def try_again() -> int:
        with pytest.raises(BrokerUnavailable):
            broker.source(["queue"], "somebody")
        gc.collect()
        return len(os.listdir("/dev/fd"))

    assert try_again() == try_again()


def test_tables_of_another_version_are_an_error(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "jobs.sqlite"
    put(open_store(f"sqlite:///{path}"), "queue", 1)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ps_broker_version SET version = 99")
    with pytest.raises(SchemaMismatch, match="newer"):
        put(open_store(f"sqlite:///{path}"), "queue", 1)


def test_a_put_within_a_transaction_is_part_of_it(tmp_path: Path, me: str) -> None:
    store = open_sql_store(f"sqlite:///{tmp_path}/jobs.sqlite")
    database = store.database

    def abort() -> None:
        with database.transaction() as connection:
            store.put([Put("queue", payload(1))], within=connection)
            raise RuntimeError("abort")

    with pytest.raises(RuntimeError):
        abort()
    assert store.size("queue") == 0
    with database.transaction() as connection:
        store.put([Put("queue", payload(1))], within=connection)
    assert numbers(store.claim(["queue"], 1, me)) == [1]


def test_several_first_starts_at_once_make_the_tables_once(url: str) -> None:
    stores, queue = [open_store(url) for _ in range(6)], servers.unique("queue")
    assert at_once([lambda store=store: store.size(queue) for store in stores]) == [0] * 6  # type: ignore[misc]
    for store in stores:
        store.close()
