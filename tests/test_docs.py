"""The generated pages are what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pyramid_scheduler.core.settings import assert_table_matches_settings

ROOT = Path(__file__).parent.parent


def test_the_generated_pages_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], check=False)
    assert done.returncode == 0, "run python docs/generate.py"


def test_the_settings_table_and_its_values_say_the_same() -> None:
    assert_table_matches_settings()
