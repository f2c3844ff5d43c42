"""Warnings about what will go."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from compat.exceptions import CDeprecationWarning, CPendingDeprecationWarning
from compat.utils import deprecated


class Shop:
    """Of an application that is about to change."""

    def __init__(self) -> None:
        self.kept: Any = 1

    @deprecated.Callable(removal="3.0", alternative="Use sell().")
    def pay(self) -> int:
        return 7

    @deprecated.Property(deprecation="2.0", removal="3.0", description="The price")
    def price(self) -> Any:
        return self.kept

    @price.setter
    def price(self, value: Any) -> None:
        self.kept = value

    @price.deleter
    def price(self) -> None:
        self.kept = None

    @deprecated.Property(removal="3.0")
    def fixed(self) -> int:
        return 3


def test_a_function_warns_where_it_is_called_and_does_its_work() -> None:
    with pytest.warns(CDeprecationWarning, match=r"Shop\.pay .*3\.0\. Use sell\(\)\.") as caught:
        assert Shop().pay() == 7

    assert caught[0].filename == __file__


def test_a_property_warns_when_it_is_read_set_and_deleted() -> None:
    shop = Shop()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = shop.price
        shop.price = 2
        del shop.price

    assert (read, shop.kept) == (1, None)
    assert [(warning.category, warning.filename) for warning in caught] == [(CPendingDeprecationWarning, __file__)] * 3
    assert "The price" in str(caught[0].message)


def test_a_property_without_a_setter_has_none() -> None:
    with pytest.raises(AttributeError):
        Shop().fixed = 4
    with pytest.warns(CDeprecationWarning):
        assert Shop().fixed == 3
