"""Sentry's and OpenTelemetry's integrations see of a worker here what they see of Celery's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import own_servers
from tests.compat.sites import with_celery, without_celery
from tests.fleet import ROOT

AS_COMPAT = str(ROOT / "examples" / "celery_project" / "as_compat.py")
RESULTS = ["3", "ValueError('no')", "1", "KeyError('expected')"]


@dataclass(frozen=True)
class Watched:
    """What the tools said of the worker, and the ids of the traces that whoever sent the tasks had begun."""

    results: str
    sentry: list[dict[str, Any]]
    spans: list[dict[str, Any]]
    sentry_traces: set[str]
    otel_traces: set[str]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return sorted((item for item in self.sentry if item["type"] == kind), key=lambda item: item["transaction"])


def watch(words: list[str], environ: dict[str, str], start: list[str], directory: Path) -> Watched:
    """Run the project's tasks in a worker that ends afterwards."""
    directory.mkdir()
    with own_servers.running(own_servers.redis(directory / "redis")) as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        environ = {**environ, "TRACED_BROKER": url, "TRACED_DIRECTORY": str(directory), "PYTHONWARNINGS": "ignore"}
        app = ["-A", "tests.compat.traced.app"]
        with worker([*words, *start, "celery", *app, "worker", "-c", "1"], environ, directory) as process:
            sender = subprocess.run(
                [*words, *start, "tests.compat.traced"], env=environ, cwd=directory, capture_output=True, timeout=60,
                check=False,
            )  # fmt: skip
            assert sender.returncode == 0, sender.stderr.decode()[-3000:] + (directory / "log").read_text()[-3000:]
            process.terminate()
            process.wait(30)
    return said(sender.stdout.decode(), directory)


def worker(words: list[str], environ: dict[str, str], directory: Path) -> Any:
    with (directory / "log").open("wb") as log:
        return Ending(words, env=environ, cwd=directory, stdout=log, stderr=log)


class Ending(subprocess.Popen[bytes]):
    def __exit__(self, *exc_info: Any) -> None:
        if self.poll() is None:
            self.kill()
        super().__exit__(*exc_info)


def said(results: str, directory: Path) -> Watched:
    sentry, otel = ([json.loads(line) for line in (directory / name).read_text().splitlines()] for name in TOOLS)
    sender = next(item for item in sentry if item["transaction"] == "send")
    return Watched(
        results.strip(),
        [item for item in sentry if item is not sender],
        [span for span in otel if span["pid"] != sender["pid"]],
        {sender["contexts"]["trace"]["trace_id"]},
        {span["context"]["trace_id"] for span in otel if span["pid"] == sender["pid"]},
    )


TOOLS = ("sentry", "otel")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Watched]]:
    """Under Celery, while the other one is at work."""
    words, environ = with_celery()
    directory = tmp_path_factory.mktemp("celery") / "project"
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(watch, words, environ, ["-m"], directory)


@pytest.fixture(scope="module")
def celerys(ours: Watched, begun: Future[Watched]) -> Watched:
    return begun.result()


@pytest.fixture(scope="module", params=["without Celery", pytest.param("with Celery", marks=pytest.mark.peer)])
def ours(request: Any, begun: Future[Watched], tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Under the alias, in an installation that has Celery and Billiard, and in one that has not."""
    directory = tmp_path_factory.mktemp("aliased")
    (directory / "site").mkdir()
    words, environ = without_celery(directory / "site") if request.param == "without Celery" else with_celery()
    return watch(words, environ, [AS_COMPAT], directory / "project")


def test_the_tasks_ran(celerys: Watched, ours: Watched) -> None:
    assert ours.results == celerys.results == str(RESULTS)


def test_sentry_is_sent_the_same_errors(celerys: Watched, ours: Watched) -> None:
    assert [error(event) for event in ours.of_type("event")] == [error(event) for event in celerys.of_type("event")]
    assert len(ours.of_type("event")) == 1


def error(event: dict[str, Any]) -> Any:
    values = event["exception"]["values"]
    trace = event["contexts"]["trace"]
    return (
        event["transaction"],
        event["level"],
        sorted(event["tags"]),
        event["extra"]["celery-job"],
        [(value["type"], value["value"], value["mechanism"]) for value in values],
        values[0]["stacktrace"]["frames"][-1]["function"],
        (trace["op"], trace["status"]),
    )


def test_sentry_is_sent_the_same_transactions_by_the_end_of_the_process(celerys: Watched, ours: Watched) -> None:
    # Nothing was sent before: the transport of these tests keeps it all until it is flushed.
    seen = [transaction(item) for item in ours.of_type("transaction")]

    assert seen == [transaction(item) for item in celerys.of_type("transaction")]
    assert [name for name, *_ in seen] == ["traced.add", "traced.again", "traced.again", "traced.expect", "traced.fail"]


def transaction(item: dict[str, Any]) -> Any:
    trace = item["contexts"]["trace"]
    process = next(span for span in item["spans"] if span["op"] == "queue.process")
    data = {name: value for name, value in process["data"].items() if name in STEADY}
    submitted = [span["op"] for span in item["spans"] if span["op"].startswith("queue.submit")]
    tags = sorted(item["tags"])
    return (
        item["transaction"],
        trace["op"],
        trace["origin"],
        trace["status"],
        tags,
        sorted(process["data"]),
        data,
        submitted,
    )


STEADY = ("messaging.destination.name", "messaging.message.retry.count", "messaging.system")


def test_sentry_sees_one_trace_from_the_call_to_the_run(ours: Watched) -> None:
    assert {item["contexts"]["trace"]["trace_id"] for item in ours.sentry} == ours.sentry_traces


def test_opentelemetry_sees_the_same_spans(celerys: Watched, ours: Watched) -> None:
    assert spans(ours) == spans(celerys)
    assert len(ours.spans) == 6


def spans(watched: Watched) -> list[Any]:
    return sorted(map(span, watched.spans), key=repr)


def span(said: dict[str, Any]) -> Any:
    name, attributes = said["name"], said["attributes"]
    ended = [(event["name"], event["attributes"].get("exception.message")) for event in said["events"]]
    # To Celery's handlers the exception comes wrapped, by which OpenTelemetry overlooks that the task expects it.
    how = (said["status"], ended) if name != "run/traced.expect" else None
    return name, said["kind"], how, sorted(attributes), attributes.get("celery.state")


def test_opentelemetry_calls_a_failed_span_an_error_and_an_expected_failure_none(ours: Watched) -> None:
    status = {span["name"]: span["status"] for span in ours.spans}

    assert status["run/traced.fail"] == {"status_code": "ERROR", "description": "no"}
    assert status["run/traced.expect"] == {"status_code": "UNSET"}


def test_opentelemetry_sees_one_trace_from_each_call_to_its_run(ours: Watched) -> None:
    assert {span["context"]["trace_id"] for span in ours.spans} == ours.otel_traces
