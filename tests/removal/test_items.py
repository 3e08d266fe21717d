"""Removing items: the order, the outcomes, and what one failure does to the others."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import Forbidden, NotFound

from headrace.removal.items import Fate, Item, in_bytes, remove_all


def an_item(name: str, error: BaseException | None = None, removed: list[str] | None = None) -> Item:
    def remove() -> None:
        if error is not None:
            raise error
        if removed is not None:
            removed.append(name)

    return Item(kind="topic", name=name, remove=remove)


def test_a_failure_is_named_and_does_not_stop_the_others() -> None:
    removed: list[str] = []
    items = [an_item("a", removed=removed), an_item("b", Forbidden("no")), an_item("c", removed=removed)]

    done = list(remove_all(items, lambda item: None))

    assert [each.fate for each in done] == [Fate.REMOVED, Fate.FAILED, Fate.REMOVED]
    assert removed == ["a", "c"]
    assert "403" in done[1].why


def test_an_item_that_somebody_else_removed_meanwhile_counts_as_removed() -> None:
    (done,) = remove_all([an_item("a", NotFound("gone"))], lambda item: None)
    assert done.fate is Fate.REMOVED


def test_a_kept_item_is_left_alone_and_reported_with_its_reason() -> None:
    removed: list[str] = []
    reported: list[Item] = []

    (done,) = remove_all([an_item("a", removed=removed).kept("somebody reads it")], reported.append)

    assert (done.fate, done.why, removed) == (Fate.KEEP, "somebody reads it", [])
    assert reported == [done]


def test_a_bug_is_not_taken_for_a_failure_of_the_item() -> None:
    with pytest.raises(KeyError):
        list(remove_all([an_item("a", KeyError("x"))], lambda item: None))


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({}, ""),
        ({"rows": 1, "size": 0}, "1 row, 0 bytes"),
        ({"rows": 1200, "size": 48_300_000}, "1,200 rows, 48.3 MB"),
        ({"size": 2_500_000_000_000}, "2.5 TB"),
    ],
)
def test_the_amount_of_data_is_in_words(fields: Any, holds: str) -> None:
    assert Item(kind="table", name="t", **fields).holds == holds


def test_a_size_keeps_its_unit_until_the_next_one_is_full() -> None:
    assert [in_bytes(each) for each in (1, 1000, 999_000_000)] == ["1 byte", "1.0 kB", "999.0 MB"]
