"""Where settings come from, when they are read, and who wins."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from compat import Celery
from compat.exceptions import ImproperlyConfigured

SAMPLE = "tests.compat.app.celeryconfig_sample"


@pytest.fixture
def unread() -> Any:
    """An app whose settings nobody has read yet."""
    return Celery("unread", broker="memory://", set_as_current=False)


class Settings:
    task_acks_late = True
    timezone = "Asia/Tokyo"


@pytest.mark.parametrize(
    "source",
    [
        Settings,
        Settings(),
        {"task_acks_late": True, "timezone": "Asia/Tokyo"},
        SimpleNamespace(task_acks_late=True, timezone="Asia/Tokyo"),
        f"{__name__}:Settings",
        f"{__name__}.Settings",
    ],
    ids=["class", "instance", "dict", "namespace", "colon", "dots"],
)
def test_settings_come_from_any_object_mapping_or_name(unread: Any, source: Any) -> None:
    unread.config_from_object(source)

    assert (unread.conf.task_acks_late, unread.conf.timezone) == (True, "Asia/Tokyo")
    assert str(unread.timezone) == "Asia/Tokyo"


def test_settings_come_from_a_module_and_a_class_in_it(unread: Any) -> None:
    unread.config_from_object(SAMPLE)
    assert (unread.conf.task_acks_late, unread.conf.task_routes) == (True, {"shop.*": "shop"})
    unread.config_from_object(f"{SAMPLE}:Nested", force=True)

    assert unread.conf.worker_prefetch_multiplier == 3
    assert unread.conf.task_acks_late is False


def test_the_last_source_that_was_named_is_the_one_that_is_read(unread: Any) -> None:
    unread.config_from_object({"task_acks_late": True, "worker_concurrency": 3})
    unread.config_from_object({"task_acks_late": False})

    assert (unread.conf.task_acks_late, unread.conf.worker_concurrency) == (False, None)


def test_the_module_may_be_named_by_the_environment(unread: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_CONFIG", SAMPLE)
    unread.config_from_envvar("SHOP_CONFIG")

    assert unread.conf.task_acks_late is True


def test_an_environment_variable_that_is_not_set_may_be_passed_over(
    unread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_CONFIG", raising=False)

    assert unread.config_from_envvar("SHOP_CONFIG", silent=True) is False


def test_a_module_that_is_missing_may_be_passed_over(unread: Any) -> None:
    unread.config_from_object("no.such.module", silent=True)

    assert unread.conf.task_acks_late is False


def test_with_a_namespace_only_names_that_begin_with_it_count(unread: Any) -> None:
    unread.config_from_object({"SHOP_TASK_ACKS_LATE": True, "TASK_TRACK_STARTED": True}, namespace="SHOP")

    assert unread.conf.task_acks_late is True
    assert unread.conf.task_track_started is False


@pytest.mark.parametrize("namespace", ["SHOP", "SHOP_", "shop"])
def test_a_namespace_is_written_with_or_without_its_underscore_and_in_its_own_case(namespace: str) -> None:
    made = Celery("x", set_as_current=False, namespace=namespace)
    name = "shop_task_acks_late" if namespace == "shop" else "SHOP_TASK_ACKS_LATE"
    made.config_from_object({name: True})

    assert made.conf.task_acks_late is True


def test_what_is_set_before_the_reading_wins_over_what_is_read(unread: Any) -> None:
    unread.conf.task_acks_late = False
    unread.conf["worker_concurrency"] = 7
    unread.conf.update(task_track_started=True)
    unread.config_from_object({"task_acks_late": True, "worker_concurrency": 2})
    assert not unread.configured

    assert (unread.conf.task_acks_late, unread.conf.worker_concurrency) == (False, 7)
    assert unread.conf.task_track_started is True


def test_an_argument_of_the_app_wins_over_the_configuration() -> None:
    made = Celery("x", backend="rpc://", set_as_current=False)
    made.config_from_object({"result_backend": "cache+memory://"})

    assert made.conf.result_backend == "rpc://"


def test_added_defaults_win_over_what_is_read_the_newest_first(unread: Any) -> None:
    unread.config_from_object({"task_acks_late": True})
    unread.add_defaults({"task_acks_late": False, "worker_concurrency": 1})
    unread.add_defaults(lambda: {"worker_concurrency": 2})

    assert (unread.conf.task_acks_late, unread.conf.worker_concurrency) == (False, 2)


def test_defaults_of_a_callable_are_made_when_they_are_needed(unread: Any) -> None:
    made: list[int] = []

    def defaults() -> dict[str, Any]:
        made.append(1)
        return {"worker_concurrency": 4}

    unread.add_defaults(defaults)
    assert made == []

    assert unread.conf.worker_concurrency == 4


def test_settings_from_a_command_line_have_the_type_of_their_setting(unread: Any) -> None:
    assert unread.conf.task_acks_late is False
    unread.config_from_cmdline(
        ["task.acks_late=on", "worker.prefetch_multiplier=7", 'broker.transport_options=(dict){"a": 1}']
    )

    assert (unread.conf.task_acks_late, unread.conf.worker_prefetch_multiplier) == (True, 7)
    assert unread.conf.broker_transport_options == {"a": 1}


def test_a_value_of_the_wrong_type_on_the_command_line_is_refused_by_name(unread: Any) -> None:
    assert unread.conf

    with pytest.raises(ValueError, match="worker_prefetch_multiplier"):
        unread.config_from_cmdline(["worker.prefetch_multiplier=many"])


def test_signals_come_before_and_after_the_reading(unread: Any) -> None:
    told: list[str] = []
    unread.on_configure.connect(lambda **kwargs: told.append("before"), weak=False)
    unread.on_after_configure.connect(lambda sender, source, **kwargs: told.append(source.timezone), weak=False)
    unread.config_from_object({"timezone": "Asia/Tokyo"})
    assert told == []
    unread.conf.finalize()

    assert told == ["before", "Asia/Tokyo"]


def test_who_holds_the_settings_before_they_are_read_has_them_after(unread: Any) -> None:
    held = unread.conf
    unread.config_from_object({"worker_concurrency": 5})
    assert unread.conf.worker_concurrency == 5

    assert held.worker_concurrency == 5
    held.worker_concurrency = 6
    assert unread.conf.worker_concurrency == 6


def test_an_error_in_the_configuration_is_not_taken_for_a_missing_setting(unread: Any) -> None:
    unread.config_from_object(f"{SAMPLE}:NoSuchClass")

    with pytest.raises(ModuleNotFoundError, match="NoSuchClass"):
        unread.conf.task_acks_late  # noqa: B018


def test_an_unknown_setting_is_an_attribute_error_and_a_key_error(unread: Any) -> None:
    with pytest.raises(AttributeError):
        unread.conf.no_such_setting  # noqa: B018
    with pytest.raises(KeyError):
        unread.conf["no_such_setting"]
    assert unread.conf.get("no_such_setting", 3) == 3


def test_apps_do_not_share_what_they_change_in_place(unread: Any) -> None:
    other = Celery("other", set_as_current=False)
    unread.conf.beat_schedule["mine"] = {}

    assert "mine" not in other.conf.beat_schedule


def test_a_copy_of_the_settings_is_changed_alone(unread: Any) -> None:
    copied = copy.copy(unread.conf)
    copied.task_acks_late = True

    assert (copied.task_acks_late, unread.conf.task_acks_late) == (True, False)


def test_naive_dates_are_of_the_configured_zone_or_utc_or_of_here(unread: Any) -> None:
    assert unread.uses_utc_timezone()
    unread.conf.update(enable_utc=False)
    unread.__dict__.pop("timezone")
    assert unread.timezone is not None
    unread.conf.timezone = "Europe/Berlin"
    unread.__dict__.pop("timezone")

    assert str(unread.timezone) == "Europe/Berlin"


def test_signing_messages_celerys_way_is_refused_with_the_way_out(unread: Any) -> None:
    with pytest.raises(NotImplementedError, match=r"scheduler\.secret"):
        unread.setup_security()


def test_an_exclusive_control_queue_cannot_be_durable(unread: Any) -> None:
    unread.conf.update(control_queue_durable=True, control_queue_exclusive=True)

    with pytest.raises(ImproperlyConfigured, match="cannot both be True"):
        unread.control  # noqa: B018
