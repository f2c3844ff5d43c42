"""Pydantic models as arguments and results: ``pydantic=True``."""

from __future__ import annotations

from typing import Any

import pytest

from compat import states


@pytest.fixture
def order() -> Any:
    pydantic = pytest.importorskip("pydantic")

    class Order(pydantic.BaseModel):  # type: ignore[misc,name-defined]
        item: str
        count: int = 1

    return Order


@pytest.fixture
def buy(app: Any, order: Any) -> Any:
    def buy(order: Any, note: str = "") -> Any:
        return type(order)(item=order.item + note, count=order.count * 2)

    buy.__annotations__ = {"order": order, "note": str, "return": order}
    return app.task(pydantic=True, shared=False)(buy)


def test_a_dict_comes_in_as_a_model_and_a_model_goes_out_as_a_dict(buy: Any) -> None:
    assert buy.apply(({"item": "apple", "count": 2},)).get() == {"item": "apple", "count": 4}


def test_what_does_not_fit_fails_the_task(buy: Any) -> None:
    result = buy.apply(({"count": "many"},))

    assert (result.state, type(result.result).__name__) == (states.FAILURE, "ValidationError")


def test_a_caller_may_give_a_model(app: Any, buy: Any, order: Any) -> None:
    app.conf.task_always_eager = True

    assert buy.delay(order(item="pear"), note="!").get() == {"item": "pear!", "count": 2}
