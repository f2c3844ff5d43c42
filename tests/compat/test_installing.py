"""``import celery`` answered by this package."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import compat
compat.install_as_celery()
import celery, celery.schedules
from celery import Celery, shared_task
from celery.utils.log import get_task_logger
from celery.exceptions import SoftTimeLimitExceeded
assert celery is compat and celery.schedules.crontab is compat.schedules.crontab
try:
    import celery.bootsteps
except ModuleNotFoundError as error:
    print(error)
"""


def test_every_module_is_the_same_object_and_what_is_not_there_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "celery.bootsteps has no counterpart in compat" in done.stdout


def test_it_is_refused_after_the_real_one_was_imported() -> None:
    code = "import sys; sys.modules['celery'] = sys; import compat; compat.install_as_celery()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "celery is imported already" in done.stderr
