"""How much memory a process takes, what blocks it, and where its threads are."""

from __future__ import annotations

import gc
import inspect
import io
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pprint import pprint
from typing import Any

from ..local import try_import
from ..platforms import signals

__all__ = ("blockdetection", "cry", "humanbytes", "mem_rss", "memdump", "ps", "sample", "sample_mem")

UNITS = ((2**40.0, "TB"), (2**30.0, "GB"), (2**20.0, "MB"), (2**10.0, "KB"), (0.0, "b"))
Process: Any = getattr(try_import("psutil"), "Process", None)
_process: Any = None
_mem_sample: list[Any] = []


def _on_blocking(signum: int, frame: Any) -> None:
    raise RuntimeError(f"Blocking detection timed-out at: {inspect.getframeinfo(frame)}")


@contextmanager
def blockdetection(timeout: float | None) -> Iterator[None]:
    """RuntimeError, by SIGALRM, where the block takes longer; no time, no limit."""
    if not timeout:
        yield
        return
    before = signals["ALRM"]
    signals["ALRM"] = _on_blocking
    try:
        signals.arm_alarm(timeout)
        yield
    finally:
        signals.reset_alarm()
        if before and before is not _on_blocking:
            signals["ALRM"] = before


def sample_mem() -> str | None:
    """Note how much memory this process takes, for ``memdump``."""
    taken = mem_rss()
    _mem_sample.append(taken)
    return taken


def memdump(samples: int = 10, file: Any = None) -> None:
    """Print what ``sample_mem`` has noted, and what is taken now that garbage was collected."""
    if ps() is None:
        print("- rss: (psutil not installed).", file=file)
        return
    noted = list(_mem_sample if len(_mem_sample) <= samples else sample(_mem_sample, samples))
    _mem_sample.clear()
    gc.collect()
    if noted:
        print("- rss (sample):", *(f"-    > {taken}," for taken in noted), sep="\n", file=file)
    print(f"- rss (end): {mem_rss()}.", file=file)


def sample(x: Sequence[Any], n: int, k: int = 0) -> Iterator[Any]:
    """About ``n`` items of ``x``, evenly spread, from the one at ``k`` on."""
    step = len(x) // n
    for index in range(k, k + n * step, step) if step else [k] * n:
        if index >= len(x):
            return
        yield x[index]


def hfloat(f: float, p: int = 5) -> Any:
    """An int where it is one, else ``p`` digits of it."""
    return int(f) if int(f) == f else f"{f:.{p}}"


def humanbytes(s: float) -> str:
    """``1536`` as ``1.5KB``."""
    size, unit = next((size, unit) for size, unit in UNITS if s >= size)
    return f"{hfloat(s / size if size else s)}{unit}"


def mem_rss() -> str | None:
    """How much memory this process takes; None without psutil."""
    process = ps()
    return None if process is None else humanbytes(process.memory_info().rss)


def ps() -> Any:
    """This process as psutil has it; None without psutil."""
    global _process
    if _process is None and Process is not None:
        _process = Process(os.getpid())
    return _process


def cry(out: Any = None, sepchr: str = "=", seplen: int = 49) -> str:
    """The stacks and local variables of all threads."""
    out = io.StringIO() if out is None else out
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    line = sepchr * seplen
    for ident, frame in sys._current_frames().items():
        if ident in names:
            print(names[ident], line, sep="\n", file=out)
            traceback.print_stack(frame, file=out)
            print(line, "LOCAL VARIABLES", line, sep="\n", file=out)
            pprint(frame.f_locals, stream=out)
            print("\n", file=out)
    return out.getvalue()  # type: ignore[no-any-return]
