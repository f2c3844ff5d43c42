"""What happened in the shop: one JSON document a line, from all processes."""

import json
import os
from typing import Any


def write(what: str, **facts: Any) -> None:
    line = json.dumps({"what": what, **facts}) + "\n"
    # One write of one line: appends of several processes do not mix.
    with open(os.environ.get("BOOKSHOP_JOURNAL", "journal.jsonl"), "ab", buffering=0) as journal:
        journal.write(line.encode())
