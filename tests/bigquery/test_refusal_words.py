"""What is said of a refused row: names that the contract has, and nothing of the service's text."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.bigquery.refusal_words import EMULATOR_LIMIT, column_paths, refusal_words
from tests.support.paths import ROOT

COLUMNS = ["id", "total", "customer", "customer.email", "lines", "lines.sku"]


@pytest.mark.parametrize(
    ("said", "column"),
    [
        ("Field total: STRING(15) has maximum length 15 but got a value with length 54", "total"),
        ("The required field customer.email is missing", "customer.email"),
        ("Invalid NUMERIC value: 12 Field: Total; Value: 12", "total"),
        ("Value 17 for field `total` of the destination table is outside the allowed bounds", "total"),
        ("Cannot convert value for column lines.sku", "lines.sku"),
        ("Field nothing: is not there, and field total is", "total"),
        ("No field of that name Entity: projects/p/datasets/field total/tables/t", ""),
        ("total is a word, not the name of a column", ""),
        ("", ""),
    ],
)
def test_the_column_is_the_first_that_the_text_names_as_one(said: str, column: str) -> None:
    expected = f"FIELDS_ERROR in column {column}" if column else "FIELDS_ERROR"
    assert refusal_words("FIELDS_ERROR", said, COLUMNS) == expected


@given(
    st.text()
    | st.lists(st.sampled_from(["field", "Column:", "ada@example.com", "`", "total", "\n", "."])).map(" ".join)
)
def test_nothing_of_the_text_is_told_but_a_name_of_a_column(said: str) -> None:
    told = refusal_words("FIELDS_ERROR", said, COLUMNS)
    assert told in {"FIELDS_ERROR", *(f"FIELDS_ERROR in column {each}" for each in COLUMNS)}


def test_a_limit_of_the_emulator_is_named_as_such() -> None:
    told = refusal_words("INVALID_ARGUMENT", f"Field total: {EMULATOR_LIMIT}", COLUMNS)
    assert told == f"INVALID_ARGUMENT in column total; {EMULATOR_LIMIT}"


def test_the_emulators_launcher_has_the_same_words() -> None:
    assert f'LIMIT = "{EMULATOR_LIMIT}"' in (ROOT / "docker/bigquery-emulator/launch.py").read_text()


def test_columns_of_structs_have_the_path_of_their_field() -> None:
    customer = pa.struct([pa.field("email", pa.string())])
    line = pa.struct([pa.field("sku", pa.string())])
    fields = {"id": pa.string(), "total": pa.int64(), "customer": customer, "lines": pa.list_(line)}
    assert [*column_paths(pa.schema(fields.items()))] == COLUMNS
