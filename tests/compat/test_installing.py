"""``import celery`` answered by this package, and what comes with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.sites import with_celery, without_celery

Run = Callable[[str], str]

INSTALL = "import compat; compat.install_as_celery()\n"
CODE = """
import compat
compat.install_as_celery()
import celery, celery.schedules
from celery import Celery, shared_task
from celery.utils.log import get_task_logger
from celery.exceptions import SoftTimeLimitExceeded
assert celery is compat and celery.schedules.crontab is compat.schedules.crontab
try:
    import celery.security
except ModuleNotFoundError as error:
    print(error)
"""


def output(words: list[str], environ: dict[str, str], code: str) -> str:
    done = subprocess.run([*words, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs code where neither Celery nor Billiard is installed."""
    words, environ = without_celery(tmp_path_factory.mktemp("site"))
    return lambda code: output(words, environ, INSTALL + code)


@pytest.fixture(scope="module")
def beside() -> Run:
    """Runs code where both are installed."""
    words, environ = with_celery()
    return lambda code: output(words, environ, INSTALL + code)


def test_every_module_is_the_same_object_and_what_is_not_there_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "celery.security has no counterpart in compat" in done.stdout


def test_it_is_refused_after_the_real_one_was_imported() -> None:
    code = "import sys; sys.modules['celery'] = sys; import compat; compat.install_as_celery()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "celery is imported already" in done.stderr


def test_metadata_has_one_celery_of_the_version_that_we_stand_for(without: Run) -> None:
    said = without("""
from importlib.metadata import distribution, distributions, packages_distributions, version
print(version("celery"), version("Celery"), distribution("celery").metadata["Name"])
print([each.version for each in distributions() if each.metadata["Name"] == "celery"])
print(packages_distributions()["celery"], version("celery") == compat.__version__)
""")

    assert said.splitlines() == ["5.7.0 5.7.0 celery", "['5.7.0']", "['celery'] True"]


def test_metadata_of_other_packages_and_of_other_places_is_what_it_was(without: Run, tmp_path: Path) -> None:
    said = without(f"""
from importlib.metadata import PackageNotFoundError, distributions, version
print(version("kombu")[0], list(distributions(path=[{str(tmp_path)!r}])))
try:
    version("celery-batches")
except PackageNotFoundError as error:
    print(error.name)
""")

    assert said.splitlines() == ["5 []", "celery-batches"]


def test_metadata_of_an_installed_celery_is_its_own(beside: Run) -> None:
    said = beside("""
from importlib.metadata import distribution, distributions
assert distribution("celery").files, "that is ours"
print(len([each for each in distributions() if each.metadata["Name"] == "celery"]))
""")

    assert said.strip() == "1"


def test_billiard_is_answered_with_the_classes_that_are_raised_here(without: Run) -> None:
    without("""
import billiard, billiard.exceptions, billiard.pool, celery.exceptions
from billiard.einfo import ExceptionInfo, ExceptionWithTraceback
from compat.utils.einfo import ExceptionInfo as ours
assert billiard.VERSION >= (4, 0, 1) and billiard.cpu_count() and billiard.current_process().name == "MainProcess"
assert ExceptionInfo is ours and billiard.pool.Worker().workloop() == 0
for name in ("SoftTimeLimitExceeded", "TimeLimitExceeded", "WorkerLostError", "Terminated"):
    assert getattr(billiard.exceptions, name) is getattr(celery.exceptions, name), name
""")


def test_an_exception_with_its_traceback_comes_out_of_pickle_with_that_for_its_cause(without: Run) -> None:
    said = without("""
import pickle
from billiard.einfo import ExceptionWithTraceback
error = pickle.loads(pickle.dumps(ExceptionWithTraceback(ValueError(1), "the frames")))
print(repr(error), "the frames" in str(error.__cause__))
""")

    assert said.strip() == "ValueError(1) True"


def test_what_billiard_has_and_we_have_not_says_so(without: Run) -> None:
    said = without("""
try:
    import billiard.managers
except ModuleNotFoundError as error:
    print(error)
""")

    assert "billiard.managers has no counterpart in compat" in said


def test_an_installed_billiard_stays_itself_and_what_is_known_of_errors_passes_for_its_own(beside: Run) -> None:
    said = beside("""
import copy, pickle
from compat.utils.einfo import ExceptionInfo as Ours
try:
    raise KeyError(3)
except KeyError:
    known = Ours()
import billiard, billiard.exceptions
from billiard.einfo import ExceptionInfo
print("site-packages" in billiard.__file__, billiard.exceptions.__name__)
print(isinstance(known, ExceptionInfo), isinstance(known, Ours), isinstance(known, KeyError))
again = pickle.loads(pickle.dumps(known))
print(type(again) is Ours, again.exception, again.traceback == known.traceback, copy.copy(known).internal)
""")

    assert said.splitlines() == ["True billiard.exceptions", "True True False", "True 3 True False"]


def test_modules_that_celery_keeps_for_old_code_lead_to_the_current_app(without: Run) -> None:
    without("""
import celery
app = celery.Celery("old", broker="memory://")
@app.task(name="old.one")
def one(): ...
assert celery.registry.tasks["old.one"] is app.tasks["old.one"]
from celery import execute, log, messaging, registry
from celery.registry import tasks
assert "old.one" in tasks and celery.registry is registry
assert execute.send_task == app.send_task and log.get_default_logger().name == "celery"
assert log.setup_logging_subsystem == app.log.setup_logging_subsystem
assert log.redirect_stdouts_to_logger == app.log.redirect_stdouts_to_logger
assert messaging.establish_connection().as_uri() == app.connection().as_uri()
assert messaging.TaskConsumer == messaging.get_consumer_set == app.amqp.TaskConsumer
""")


def test_sentry_and_opentelemetry_start_where_celery_is_not_installed(without: Run) -> None:
    said = without("""
import logging, sentry_sdk
logging.basicConfig(format="%(message)s", level="ERROR")
sentry_sdk.init(dsn="http://key@localhost/1")
print("celery" in sentry_sdk.get_client().integrations)
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from celery.signals import task_prerun
CeleryInstrumentor().instrument()
print(len(task_prerun.receivers))
""")

    assert said.splitlines() == ["True", "1"]


#: A finder as tools have it that wait for modules: it asks the others, and looks at what was loaded by its name.
WAITING = """
import importlib.abc, importlib.util, sys
class Waiting(importlib.abc.MetaPathFinder):
    def __init__(self, told):
        self.told, self.busy = told, False
    def find_spec(self, name, path, target=None):
        if self.busy or name.partition(".")[0] != "celery":
            return None
        self.busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.busy = False
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = Telling(spec.loader, self.told)
        return spec
class Telling(importlib.abc.Loader):
    def __init__(self, loader, told):
        self.loader, self.told = loader, told
    def create_module(self, spec):
        return self.loader.create_module(spec)
    def exec_module(self, module):
        self.loader.exec_module(module)
        self.told(module)
"""


@pytest.mark.parametrize("order", ["before", "after", "both"])
def test_who_waits_for_the_import_of_a_module_hears_of_it_by_the_name_that_it_waits_for(order: str) -> None:
    words, environ = with_celery()
    wait = "sys.meta_path.insert(0, Waiting(lambda module: heard.append(module.__name__)))\n"
    before, after = (wait if order in (when, "both") else "" for when in ("before", "after"))
    code = "import celery.app.trace, celery.local, compat; assert celery.local is compat.local; print(*heard)"

    said = output(words, environ, WAITING + "heard = []\n" + before + INSTALL + after + code)

    each = 2 if order == "both" else 1
    names = ("celery", "celery.app", "celery.app.trace", "celery.local")
    assert said.split() == [name for name in names for _ in range(each)]


def test_what_is_put_into_a_module_by_who_waited_for_it_is_there() -> None:
    words, environ = with_celery()
    code = """
def told(module):
    if module.__name__ == "celery.local":
        module.Proxy, module.traced = "traced", module.__file__
        assert "try_import" in dir(module)
        del module.try_import
sys.meta_path.insert(0, Waiting(told))
import compat.local
compat.install_as_celery()
from celery.local import Proxy
print(Proxy, compat.local.traced == compat.local.__file__, hasattr(compat.local, "try_import"), compat.local.__name__)
"""

    assert output(words, environ, WAITING + "import compat\n" + code).split() == [
        "traced", "True", "False", "compat.local"
    ]  # fmt: skip
