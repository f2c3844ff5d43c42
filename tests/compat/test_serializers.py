"""Serializers that an application registers with Kombu."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import serialization

from compat import chord
from compat.contrib.testing.worker import start_worker
from compat.pipeline import serializer_of, settings_of


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


def write(value: Any) -> str:
    return json.dumps(value, default=lambda money: {"__money__": money.cents})


def read(text: str) -> Any:
    return json.loads(text, object_hook=lambda found: Money(found["__money__"]) if "__money__" in found else found)


@pytest.fixture(autouse=True)
def _of_ours() -> Iterator[None]:
    serialization.register("ours", write, read, content_type="application/x-ours", content_encoding="utf-8")
    yield
    serialization.unregister("ours")


@pytest.mark.parametrize("whose", ["the app's", "the task's"])
def test_a_worker_reads_what_the_application_has_registered_and_accepts(app: Any, whose: str) -> None:
    app.conf.update(accept_content=["json", "ours"], result_serializer="ours", result_backend="cache+memory://")
    options = {"serializer": "ours"} if whose == "the task's" else {}
    if not options:
        app.conf.task_serializer = "ours"

    @app.task(name="serializers.twice", **options)
    def twice(money: Money) -> Money:
        return Money(2 * money.cents)

    @app.task(name="serializers.total", **options)
    def total(all_of_it: list[Money]) -> int:
        return sum(money.cents for money in all_of_it)

    with start_worker(app, perform_ping_check=False):
        assert twice.delay(Money(3)).get(timeout=20).cents == 6
        assert twice.apply_async((Money(4),), countdown=0.1).get(timeout=20).cents == 8
        assert chord([twice.s(Money(1)), twice.s(Money(2))], total.s()).delay().get(timeout=20) == 6


@pytest.fixture
def _our_json(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for known in (serialization.registry.type_to_name, serialization.registry._decoders):
        monkeypatch.setitem(known, "application/json", known["application/json"])  # put back in the end
    serialization.register("our-json", write, read, content_type="application/json", content_encoding="utf-8")
    yield
    serialization.unregister("our-json")


@pytest.mark.usefixtures("_our_json")
@pytest.mark.parametrize("accepted", ["json", "our-json"])
def test_a_worker_reads_json_as_the_application_has_registered_it(app: Any, accepted: str) -> None:
    app.conf.update(accept_content=[accepted], task_serializer="our-json", result_backend="cache+memory://")

    @app.task(name="serializers.cents")
    def cents(money: Money) -> int:
        return money.cents

    with start_worker(app, perform_ping_check=False):
        assert cents.delay(Money(3)).get(timeout=20) == 3


@pytest.mark.parametrize(
    ("tasks", "accepted", "read"),
    [
        ("json", ["json"], ""),
        ("ours", ["json"], ""),
        ("ours", ["application/json", "application/x-ours", "application/x-yaml"], "ours"),
        ("application/x-ours", {"yaml", "ours", "json"}, "ours"),
        ("json", {"yaml", "ours", "json"}, "ours"),
        ("pickle", ["pickle", "json"], ""),
        ("json", ["json", "nobody-knows-it"], ""),
        ("json", None, ""),
    ],
)
def test_besides_json_one_serializer_is_read_that_is_accepted_and_never_pickle(
    app: Any, tasks: str, accepted: Any, read: str
) -> None:
    app.conf.update(task_serializer=tasks, accept_content=accepted)

    assert serializer_of(app) == read
    assert settings_of(app).serializer == read


def test_a_serializer_whose_package_is_not_installed_is_in_nobodys_way(app: Any) -> None:
    def missing(value: Any) -> Any:
        raise serialization.SerializerNotInstalled("no package for it")

    serialization.register("absent", missing, missing, content_type="application/x-absent")
    try:
        app.conf.update(task_serializer="json", accept_content=["absent", "json", "ours"])
        assert serializer_of(app) == "ours"
        app.conf.update(accept_content=["absent", "json"])
        assert serializer_of(app) == ""
    finally:
        serialization.unregister("absent")


def test_what_the_settings_of_pyramid_scheduler_say_goes_before(app: Any) -> None:
    app.conf.update(task_serializer="ours", accept_content=["ours"])
    app.conf["pyramid_scheduler"] = {"broker.serializer": "json"}

    assert settings_of(app).serializer == "json"
