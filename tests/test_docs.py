"""The pages say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import transaction
from pyramid.config import Configurator

from pyramid_scheduler import api, parse_settings
from pyramid_scheduler.cli.main import COMMANDS
from pyramid_scheduler.core.options import CRON_FIELDS, INTERVAL_FIELDS, JobOptions
from pyramid_scheduler.core.settings import TABLE, assert_table_matches_settings
from pyramid_scheduler.scheduler import Scheduler
from pyramid_scheduler.web.serving import SERVERS

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "celery.md"
)
JOBS = (ROOT / "docs" / "jobs.md").read_text()
#: Settings of 0.3 that the pages name because they are gone.
GONE = ("jobstore", "apscheduler")
#: What a Scheduler's methods are that only our own parts call.
OUR_OWN = {"send", "emit", "declare"}

of_every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse lays its help out in another way from then on")
def test_the_generated_pages_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], check=False)
    assert done.returncode == 0, "run python docs/generate.py"


def test_the_settings_table_and_its_values_say_the_same() -> None:
    assert_table_matches_settings()


@of_every_page
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@of_every_page
def test_every_setting_that_a_page_names_is_one(page: Path) -> None:
    known = {row.key for row in TABLE}
    for name in re.findall(r"\bscheduler\.([a-z_]+(?:\.[a-z_]+)*)", page.read_text()):
        first = name.partition(".")[0]
        is_ours = name in known or hasattr(Scheduler, first) or first in GONE
        assert is_ours or first in ("broker", "py"), f"scheduler.{name}"


@of_every_page
def test_every_command_that_a_page_names_is_one(page: Path) -> None:
    for word in re.findall(r"(?:`|^ +(?:\S+/)?|\$ )pscheduler\s+([a-z]+)(?![\w.])", page.read_text(), re.MULTILINE):
        assert word in (*COMMANDS, "worker", "migrate"), f"pscheduler {word}"


def rows(title: str) -> Iterator[list[str]]:
    section = JOBS.split(f"## {title}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_every_option_of_a_job_is_told_with_its_default() -> None:
    told = {name.strip("`"): default.strip("`") for name, default, *_ in rows("Options")}
    assert told == {field.name: shown(field.default) for field in fields(JobOptions)}


def shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ", ".join(cls.__name__ for cls in default)
    return "" if default in (None, "") else repr(default)


@pytest.mark.parametrize("name", [*sorted(INTERVAL_FIELDS), *sorted(CRON_FIELDS)])
def test_every_field_of_a_time_is_told(name: str) -> None:
    assert f"`{name}=`" in JOBS


def methods() -> list[str]:
    named = {name: made for name, made in vars(Scheduler).items() if not name.startswith("_") and callable(made)}
    return sorted(name for name, made in named.items() if made.__name__ == name and name not in OUR_OWN)


@pytest.mark.parametrize("name", methods())
def test_every_method_is_told(name: str) -> None:
    assert re.search(rf"\b{name}\(", JOBS)


def test_every_event_is_told() -> None:
    told = {name.strip("`") for name, *_ in rows("Events")}
    assert told == {event.name for event in api.EventType if event is not api.EventType.ALL}


@pytest.mark.parametrize("module", sorted(set(SERVERS) - {"uwsgidecorators"}))
def test_every_server_in_which_combined_mode_starts_is_told(module: str) -> None:
    page = (ROOT / "docs" / "deploying.md").read_text()
    assert module.rpartition(".")[2] in page.lower()


# The examples run


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configurator]:
    """A shop, whose jobs the examples name."""
    shop, jobs = ModuleType("shop"), ModuleType("shop.jobs")
    exec("def confirm(order): ...\ndef remind(order): ...\ndef report(): ...", vars(jobs))
    shop.jobs = jobs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop", shop)
    monkeypatch.setitem(sys.modules, "shop.jobs", jobs)
    urls = {"scheduler.broker.url": "memory://", "scheduler.ledger.url": f"sqlite:///{tmp_path}/ledger.sqlite"}
    with Configurator(settings={**urls, "scheduler.combined": "false", "scheduler.queues": "docs"}) as config:
        config.include("pyramid_scheduler")
        yield config
    config.registry.scheduler.broker.purge("docs")  # which lasts as long as this process
    config.registry.scheduler.shutdown(0)


def examples(page: str, config: Configurator) -> dict[str, Any]:
    """What the Python examples of ``page`` define."""
    names: dict[str, Any] = {**vars(api), "__name__": "shop", "config": config, "jobs": sys.modules["shop.jobs"]}
    names.update(scheduler=config.registry.scheduler, listener=print, queue=sys.modules["queue"])
    for block in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL):
        exec(block, names)
    return names


@pytest.fixture
def request_of(config: Configurator) -> Callable[[], Any]:
    return partial(
        SimpleNamespace, matchdict={"id": "7"}, registry=config.registry, tm=transaction.TransactionManager()
    )


def test_the_example_of_the_readme_adds_its_jobs(config: Configurator, request_of: Callable[[], Any]) -> None:
    names = examples("README.md", config)
    config.commit()
    names["order"](request_of())
    assert config.registry.scheduler.broker.size("docs") == 2
    assert set(config.registry.scheduler.declared) == {"report"}


@pytest.mark.parametrize(("end", "sent"), [("commit", 1), ("abort", 0)])
def test_the_example_of_a_job_after_the_commit_adds_it_then(
    config: Configurator, request_of: Callable[[], Any], end: str, sent: int
) -> None:
    request = request_of()
    examples("docs/jobs.md", config)["take"](request)
    assert config.registry.scheduler.broker.size("docs") == 0
    getattr(request.tm, end)()
    assert config.registry.scheduler.broker.size("docs") == sent


def test_the_example_of_a_test_passes(config: Configurator, tmp_path: Path) -> None:
    names = examples("docs/jobs.md", config)

    def main(global_config: Any, **settings: str) -> Any:
        return SimpleNamespace(
            registry=SimpleNamespace(scheduler=Scheduler(parse_settings({**settings, "scheduler.queues": "docs"})))
        )

    names["main"] = main
    names["test_an_order_is_confirmed"](tmp_path)
