"""Settings under their new, old and full names, their types, and who may see them."""

from __future__ import annotations

from typing import Any

import pytest

from compat import Celery
from compat.app.defaults import DEFAULTS, NAMESPACES, Option, find
from compat.app.utils import filter_hidden_settings, find_app, sanitize_url
from compat.exceptions import CDeprecationWarning, ImproperlyConfigured

real = pytest.importorskip("celery.app.defaults")
MASK = "********"


def made(settings: dict[str, Any]) -> Any:
    app = Celery("named", set_as_current=False)
    app.config_from_object(settings)
    return app


def test_every_setting_of_celery_is_there_with_its_default_and_no_other() -> None:
    assert DEFAULTS == real.DEFAULTS


def test_every_setting_has_the_old_name_it_has_in_celery() -> None:
    from compat.app.defaults import _TO_OLD_KEY

    assert _TO_OLD_KEY == real._TO_OLD_KEY


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("CELERY_ACKS_LATE", "task_acks_late", True),
        ("CELERYBEAT_SCHEDULE", "beat_schedule", {"a": {}}),
        ("CELERYD_CONCURRENCY", "worker_concurrency", 3),
        ("BROKER_URL", "broker_url", "memory://"),
        ("CELERY_RESULT_BACKEND", "result_backend", "rpc://"),
        ("CELERY_TIMEZONE", "timezone", "Asia/Tokyo"),
    ],
)
def test_an_old_name_is_read_under_the_new_one(old: str, new: str, value: Any) -> None:
    conf = made({old: value}).conf

    assert (conf[new], getattr(conf, new), conf[old]) == (value, value, value)
    conf[old] = None
    assert conf[old] is None


def test_old_names_are_warned_of_one_by_one() -> None:
    conf = made({"CELERY_ACKS_LATE": True}).conf.finalize()

    with pytest.warns(CDeprecationWarning, match="Use task_acks_late"):
        assert conf.maybe_warn_deprecated_settings()
    assert not made({"task_acks_late": True}).conf.finalize().maybe_warn_deprecated_settings()


def test_old_and_new_names_of_different_settings_do_not_go_together() -> None:
    with pytest.raises(ImproperlyConfigured, match="CELERY_ALWAYS_EAGER"):
        made({"task_serializer": "json", "CELERY_ALWAYS_EAGER": True}).conf.finalize()


def test_the_same_setting_under_both_names_is_allowed() -> None:
    conf = made({"task_acks_late": True, "CELERY_ACKS_LATE": True}).conf

    assert conf.task_acks_late is True


def test_settings_of_the_applications_own_are_kept() -> None:
    conf = made({"SHOP_LIMIT": 3, "task_acks_late": True}).conf

    assert (conf.SHOP_LIMIT, conf["SHOP_LIMIT"]) == (3, 3)


def test_a_setting_is_found_by_its_key_its_name_and_its_namespace() -> None:
    assert find("acks_late", "task")[:2] == ("task", "acks_late")
    assert find("task_acks_late")[:2] == (None, "task_acks_late")
    assert find("worker")[1] == "worker"
    with pytest.raises(KeyError):
        find("no_such_setting")


def test_a_value_is_found_by_a_key_without_its_namespace() -> None:
    conf = made({"worker_concurrency": 3}).conf

    assert conf.find_value_for_key("concurrency", "worker") == 3
    assert conf.get_by_parts("worker", "concurrency") == 3


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [("bool", "yes", True), ("bool", "0", False), ("int", "3", 3), ("float", "1.5", 1.5), ("string", "x", "x")],
)
def test_texts_become_values_of_their_settings_type(type_: str, text: str, value: Any) -> None:
    assert Option(type=type_).to_python(text) == value


def test_a_text_that_is_no_truth_value_is_refused() -> None:
    with pytest.raises((ValueError, TypeError)):
        NAMESPACES["task"]["acks_late"].to_python("perhaps")


def test_what_was_configured_is_told_apart_from_defaults() -> None:
    conf = made({"task_acks_late": True}).conf

    assert conf.value_set_for("task_acks_late")
    assert not conf.value_set_for("task_track_started")
    assert conf.table()["task_acks_late"] is True
    assert "task_track_started" not in conf.table()
    assert conf.table(with_defaults=True)["task_track_started"] is False


def test_a_table_for_people_has_no_secrets() -> None:
    conf = made({"broker_url": "amqp://me:pw@host//", "redis_password": "pw", "worker_concurrency": 3}).conf
    text = conf.humanize()

    assert "worker_concurrency: 3" in text
    assert "pw" not in text.replace("password", "")
    assert "pw" in conf.humanize(censored=False)


def test_secrets_are_masked_at_any_depth() -> None:
    shown = filter_hidden_settings({"API_TOKEN": "x", "nested": {"secret": "y", "plain": 1}, 3: "three"})

    assert shown == {"API_TOKEN": MASK, "nested": {"secret": MASK, "plain": 1}, 3: "three"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:pw@host:6379/0", f"redis://:{MASK}@host:6379/0"),
        ("redis://me:pw@host", f"redis://me:{MASK}@host"),
        ("sentinel://:pw@a:1;sentinel://:pw@b:1", f"sentinel://:{MASK}@a:1;sentinel://:{MASK}@b:1"),
        ("rpc://", "rpc://"),
        ("disabled", "disabled"),
        (None, None),
    ],
)
def test_a_url_is_shown_without_its_password(url: Any, shown: Any) -> None:
    assert sanitize_url(url) == shown


def test_an_app_is_found_by_its_name_in_a_module() -> None:
    import compat.pyramid

    assert find_app("compat.pyramid:celery_app") is compat.pyramid.celery_app
    assert find_app("compat.pyramid.celery_app") is compat.pyramid.celery_app
    assert find_app("compat.pyramid") is compat.pyramid.celery_app
    with pytest.raises(AttributeError, match="has no app"):
        find_app("compat.states")
    with pytest.raises(ImportError):
        find_app("no.such.module")
