"""Fills a queue for compare.py, in a process of its own: prints [enqueued/s, enqueued in batches/s or null]."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
ONE_BY_ONE = 1000


def main(name: str, count: int) -> None:
    system = importlib.import_module(name)
    with system.producer() as producer:
        marked = {count // 10, count * 9 // 10}
        one_by_one = count if system.BATCH is None else ONE_BY_ONE
        producer.add(False)  # connected, and all that is imported late imported
        started = time.perf_counter()
        for number in range(one_by_one):
            producer.add(number in marked)
        enqueued = one_by_one / (time.perf_counter() - started)
        batched = None
        if system.BATCH is not None:
            started = time.perf_counter()
            for first in range(one_by_one, count, system.BATCH):
                producer.add_many([number in marked for number in range(first, min(first + system.BATCH, count))])
            batched = (count - one_by_one) / (time.perf_counter() - started)
    print(json.dumps([enqueued, batched]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
