"""Maps in columns: their entries by key, and everything else as it is."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headrace.util.ordered_maps import with_ordered_maps

ENTRY = pa.struct([pa.field("key", pa.string(), nullable=False), pa.field("value", pa.int64())])
MAP = pa.list_(pa.field("item", ENTRY, nullable=False))


def a_map(**entries: int | None) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in entries.items()]


BA, AB = a_map(b=1, a=None), a_map(a=None, b=1)


@pytest.mark.parametrize(
    ("type_", "values", "ordered"),
    [
        pytest.param(MAP, [BA, None, [], AB, BA], [AB, None, [], AB, AB], id="a map"),
        pytest.param(MAP, [a_map(b=1), a_map(a=1)], [a_map(b=1), a_map(a=1)], id="not across maps"),
        pytest.param(pa.struct([("m", MAP)]), [{"m": BA}, None], [{"m": AB}, None], id="in a record"),
        pytest.param(
            pa.list_(pa.struct([("m", MAP)])), [[{"m": BA}, {"m": AB}], []], [[{"m": AB}] * 2, []], id="in a list"
        ),
        pytest.param(pa.list_(pa.int64()), [[2, 1], None], [[2, 1], None], id="a list of numbers"),
        pytest.param(
            pa.list_(pa.struct([("key", pa.int64()), ("value", pa.int64())])),
            [[{"key": 2, "value": 1}, {"key": 1, "value": 1}]],
            [[{"key": 2, "value": 1}, {"key": 1, "value": 1}]],
            id="records with a number for a key",
        ),
    ],
)
def test_entries_are_in_the_order_of_their_keys(type_: pa.DataType, values: list[Any], ordered: list[Any]) -> None:
    assert with_ordered_maps(pa.array(values, type_)).to_pylist() == ordered
    assert with_ordered_maps(pa.array([values[0], *values], type_)[1:]).to_pylist() == ordered
    assert with_ordered_maps(pa.array([], type_)).to_pylist() == []


def test_a_map_in_a_map_is_ordered_too() -> None:
    type_ = pa.list_(pa.struct([("key", pa.string()), ("value", MAP)]))
    values = [[{"key": "y", "value": BA}, {"key": "x", "value": AB}]]
    assert with_ordered_maps(pa.array(values, type_)).to_pylist() == [
        [{"key": "x", "value": AB}, {"key": "y", "value": AB}]
    ]
