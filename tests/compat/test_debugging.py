"""How much memory a process takes, what blocks it, and where its threads are."""

from __future__ import annotations

import io
import signal
import threading
from types import SimpleNamespace

import pytest

from compat.utils import debug
from compat.utils.debug import blockdetection, cry, humanbytes, mem_rss, memdump, sample, sample_mem


@pytest.fixture
def psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter(range(2**20, 2**30, 2**20))
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=next(taken)))
    monkeypatch.setattr(debug, "Process", lambda pid: process)
    monkeypatch.setattr(debug, "_process", None)
    monkeypatch.setattr(debug, "_mem_sample", [])


def test_what_takes_longer_than_it_may_is_interrupted() -> None:
    before = signal.getsignal(signal.SIGALRM)

    with pytest.raises(RuntimeError, match="timed-out"), blockdetection(0.01):
        threading.Event().wait(60)
    with blockdetection(None), blockdetection(60):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.alarm(0) == 0


def test_samples_of_the_memory_are_printed_evenly_spread(psutil: None) -> None:
    out = io.StringIO()

    assert [sample_mem() for _ in range(6)][:2] == ["1MB", "2MB"]
    memdump(samples=3, file=out)
    assert out.getvalue().split("\n") == [
        "- rss (sample):", "-    > 1MB,", "-    > 3MB,", "-    > 5MB,", "- rss (end): 7MB.", "",
    ]  # fmt: skip
    memdump(file=out)
    assert out.getvalue().endswith("- rss (end): 8MB.\n")


def test_without_psutil_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug, "Process", None)
    monkeypatch.setattr(debug, "_process", None)
    out = io.StringIO()

    memdump(file=out)
    assert mem_rss() is None
    assert "psutil" in out.getvalue()


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0b"), (256, "256b"), (1536, "1.5KB"), (2**22, "4MB"), (3 * 2**30, "3GB")]
)
def test_bytes_are_told_in_the_largest_unit(size: float, text: str) -> None:
    assert humanbytes(size) == text


def test_a_sample_starts_where_it_is_told_to() -> None:
    assert list(sample(range(100), 10)) == list(range(0, 100, 10))
    assert list(sample(range(10), 5, 3)) == [3, 5, 7, 9]


def test_the_threads_and_what_they_hold_are_told() -> None:
    told = cry(sepchr="-", seplen=3)

    assert f"{threading.current_thread().name}\n---\n" in told
    assert "test_the_threads_and_what_they_hold_are_told" in told
    assert "---\nLOCAL VARIABLES\n---\n" in told
