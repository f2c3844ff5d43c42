"""What Celery had until 5.6 for those who ask its tables themselves, as Airflow does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.exc import DatabaseError, InterfaceError, InvalidRequestError
from sqlalchemy.orm.exc import StaleDataError

from ...utils.log import get_logger

logger = get_logger("celery.backends.database")

RETRYABLE = (DatabaseError, InterfaceError, InvalidRequestError, StaleDataError)
P = ParamSpec("P")
T = TypeVar("T")


def retry(fun: Callable[P, T]) -> Callable[..., T]:
    """``fun``, called again where the database fails: ``max_retries`` times in all, three unless the call says so."""

    @wraps(fun)
    def again(*args: Any, max_retries: int = 3, **kwargs: Any) -> T:
        for left in range(max_retries - 1, 0, -1):
            try:
                return fun(*args, **kwargs)
            except RETRYABLE:
                logger.warning("%s failed, and is tried %d more times", fun.__qualname__, left, exc_info=True)
        return fun(*args, **kwargs)

    return again
