"""The first command of the README tells its whole story."""

from __future__ import annotations

import subprocess
import sys

from tests.fleet import ROOT


def test_all_of_the_demo_happens() -> None:
    done = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout.strip().endswith("All of it happened."), done.stdout + done.stderr
    assert done.returncode == 0
