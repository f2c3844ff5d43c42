"""One module for each system: GUARANTEE, BATCH, producer() and commands()."""

import os
import time

REDIS_URL = "redis://127.0.0.1:6379/13"
RABBITMQ_URL = "amqp://guest:guest@127.0.0.1:5672//"
POSTGRESQL_URL = "postgresql://postgres@127.0.0.1/postgres"
PROCESSES = 2


def broker() -> str:
    return os.environ.get("BENCH_BROKER", "redis")


def queue() -> str:
    return os.environ.get("BENCH_QUEUE", "bench")


def work(marked: bool) -> None:
    """What every system's job does: nothing; a marked one writes down the time."""
    if marked:
        with open(os.environ["BENCH_MARKS"], "a") as file:
            file.write(f"{time.time()}\n")
