"""Options are checked at the call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pyramid_scheduler.core.errors import InvalidJob
from pyramid_scheduler.core.options import parse_options


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"prioritty": 1}, "did you mean 'priority'"),
        ({"priority": -1}, "priority must be a whole number from 0 to 255"),
        ({"priority": 256}, "priority must be a whole number from 0 to 255"),
        ({"minutes": 10}, "add_interval_job(func, minutes="),
        ({"hour": 3}, "add_cron_job(func, hour="),
        ({"zzz": 3}, "the options are"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": "3"}, "max_retries"),
        ({"max_instances": 0}, "max_instances"),
        ({"time_limit": "soon"}, "time_limit"),
        ({"time_limit": 1, "soft_time_limit": 2}, "must not be longer"),
        ({"misfire_grace_time": 0}, "None means however late"),
        ({"retry_on": 3}, "retry_on"),
        ({"retry_on": "builtins.open"}, "retry_on"),
        ({"expires": "tomorrow"}, "expires"),
        ({"id": ""}, "id must be"),
        ({"id": "x" * 121}, "id must be"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_the_remedy(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        parse_options(given, "add_date_job")
    assert words in str(caught.value)


def test_durations_may_be_timedeltas() -> None:
    options = parse_options({"time_limit": timedelta(minutes=1), "expires": timedelta(seconds=5)}, "add_async_job")
    assert (options.time_limit, options.expires) == (60, 5)


def test_retry_on_takes_classes_and_their_names() -> None:
    policy = parse_options({"retry_on": [OSError, "builtins.KeyError"], "max_retries": 1}, "x").retry_policy()
    assert policy.wants(ConnectionError(), 0)
    assert policy.wants(KeyError(), 0)
    assert not policy.wants(ValueError(), 0)
    assert not policy.wants(KeyError(), 1)
