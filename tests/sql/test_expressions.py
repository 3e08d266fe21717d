"""Expressions give what DuckDB gives on the same rows, and refuse what they cannot run on all of them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.sql.language import compile_expression
from headrace.sql.node import ExpressionError

SCHEMA = pa.schema(
    [
        ("i", pa.int64()),
        ("j", pa.int32()),
        ("x", pa.float64()),
        ("n", pa.decimal128(9, 2)),
        ("s", pa.string()),
        ("b", pa.bool_()),
        ("d", pa.date32()),
        ("t", pa.timestamp("us", "UTC")),
        ("u", pa.timestamp("us", "UTC")),
        ("v", pa.timestamp("us")),
        ("w", pa.timestamp("us")),
        ("r", pa.struct([("city", pa.string()), ("at", pa.struct([("floor", pa.int32())]))])),
    ]
)
INTEGERS = st.integers(-1000, 1000)
NAIVE = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1))
MOMENTS = NAIVE.map(lambda moment: moment.replace(tzinfo=UTC))
TEXTS = st.text(alphabet="abAB xé%_", max_size=5)
ROW = st.fixed_dictionaries(
    {
        "i": st.none() | INTEGERS,
        "j": st.none() | st.integers(-5, 5),
        "x": st.none() | st.integers(-4000, 4000).map(lambda each: each / 4),
        "n": st.none() | st.integers(-99999, 99999).map(lambda each: Decimal(each).scaleb(-2)),
        "s": st.none() | TEXTS,
        "b": st.none() | st.booleans(),
        "d": st.none() | st.dates(date(1960, 1, 1), date(2100, 1, 1)),
        "t": st.none() | MOMENTS,
        "u": st.none() | MOMENTS,
        "v": st.none() | NAIVE,
        "w": st.none() | NAIVE,
        "r": st.none()
        | st.fixed_dictionaries(
            {"city": st.none() | TEXTS, "at": st.none() | st.fixed_dictionaries({"floor": st.none() | INTEGERS})}
        ),
    }
)
UNITS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY")


def naive(column: str) -> str:
    """A moment without its zone. With it DuckDB's DATE_SUB counts in milliseconds, and a microsecond short of an hour
    is an hour."""
    return f"{column} AT TIME ZONE 'UTC'"


# GoogleSQL, and what DuckDB calls the same.
SAME: dict[str, str] = {
    "i + j * 2 - -i": "i + j * 2 - -i",
    "i + x": "i + x",
    "n + 1": "n + 1",
    "n * n - i": "n * n - i",
    "x / 4": "x / 4",
    "SAFE_DIVIDE(x, j)": "CASE WHEN j != 0 THEN x / j END",
    "IF(j = 0, NULL, i / j)": "CASE WHEN j = 0 THEN NULL ELSE i / j END",
    "CASE WHEN j = 0 THEN 0 WHEN j > 0 THEN DIV(i, j) END": "CASE WHEN j = 0 THEN 0 WHEN j > 0 THEN i // j END",
    "MOD(i, 7)": "i % 7",
    "CASE j WHEN 1 THEN 'one' WHEN 2 THEN s ELSE 'many' END": (
        "CASE j WHEN 1 THEN 'one' WHEN 2 THEN s ELSE 'many' END"
    ),
    "COALESCE(j, i, 7)": "COALESCE(j, i, 7)",
    "IFNULL(s, r.city)": "COALESCE(s, r.city)",
    "NULLIF(i, j)": "NULLIF(i, j)",
    "GREATEST(i, x)": "CASE WHEN i IS NOT NULL AND x IS NOT NULL THEN GREATEST(i, x) END",
    "LEAST(i, j, 3)": "CASE WHEN i IS NOT NULL AND j IS NOT NULL THEN LEAST(i, j, 3) END",
    "ABS(i)": "ABS(i)",
    "ABS(n)": "ABS(n)",
    "ROUND(x)": "ROUND(x)",
    "ROUND(x, 1)": "ROUND(x, 1)",
    "FLOOR(x)": "FLOOR(x)",
    "CEIL(x)": "CEIL(x)",
    "CAST(x AS INT64)": "CAST(SIGN(x) * FLOOR(ABS(x) + 0.5) AS BIGINT)",
    "CAST(i AS STRING)": "CAST(i AS VARCHAR)",
    "CAST(n AS FLOAT64)": "CAST(n AS DOUBLE)",
    "s || '-' || r.city": "s || '-' || r.city",
    "CONCAT(s, 'x')": "s || 'x'",
    "UPPER(s)": "UPPER(s)",
    "LOWER(s)": "LOWER(s)",
    "TRIM(s)": "TRIM(s)",
    "LENGTH(s)": "LENGTH(s)",
    "SUBSTR(s, 2, 2)": "SUBSTR(s, 2, 2)",
    "SUBSTR(s, 2)": "SUBSTR(s, 2)",
    "s LIKE 'a%'": "s LIKE 'a%'",
    "s LIKE '_b%'": "s LIKE '_b%'",
    "STARTS_WITH(s, 'a')": "STARTS_WITH(s, 'a')",
    "ENDS_WITH(s, 'a')": "ENDS_WITH(s, 'a')",
    "REGEXP_CONTAINS(s, r'^a+b?$')": "REGEXP_MATCHES(s, '^a+b?$')",
    "r.at.floor + 1": "r.at.floor + 1",
    "b AND i > 0": "b AND i > 0",
    "b OR i > 0": "b OR i > 0",
    "NOT b": "NOT b",
    "i = j OR i != j": "i = j OR i != j",
    "i < x": "i < x",
    "n >= j": "n >= j",
    "i BETWEEN j AND 100": "i BETWEEN j AND 100",
    "j IN (1, 2, NULL)": "j IN (1, 2, NULL)",
    "j NOT IN (1, 2)": "j NOT IN (1, 2)",
    "s IN ('a', 'b', '')": "s IN ('a', 'b', '')",
    "b IS TRUE": "b IS TRUE",
    "(i > 0) IS FALSE": "(i > 0) IS FALSE",
    "i IS NULL": "i IS NULL",
    "r.city IS NOT NULL": "r.city IS NOT NULL",
    "t < TIMESTAMP '2001-02-03 04:05:06'": "t < TIMESTAMPTZ '2001-02-03 04:05:06+00'",
    "d >= DATE '1999-12-31'": "d >= DATE '1999-12-31'",
    "DATE(t)": "CAST(t AT TIME ZONE 'UTC' AS DATE)",
    "CAST(d AS TIMESTAMP)": "CAST(d AS TIMESTAMP) AT TIME ZONE 'UTC'",
    "TIMESTAMP_TRUNC(t, HOUR)": "DATE_TRUNC('hour', t)",
    "TIMESTAMP_TRUNC(t, DAY)": "DATE_TRUNC('day', t)",
    "TIMESTAMP_TRUNC(t, MONTH)": "DATE_TRUNC('month', t)",
    "DATE_TRUNC(d, QUARTER)": "CAST(DATE_TRUNC('quarter', d) AS DATE)",
    "DATE_TRUNC(d, YEAR)": "CAST(DATE_TRUNC('year', d) AS DATE)",
    **{f"TIMESTAMP_DIFF(t, u, {each})": f"DATE_SUB('{each}', {naive('u')}, {naive('t')})" for each in UNITS},
    **{f"DATETIME_DIFF(v, w, {each})": f"DATE_DIFF('{each}', w, v)" for each in UNITS},
    "DATE_DIFF(d, DATE '2000-01-01', DAY)": "d - DATE '2000-01-01'",
    **{f"EXTRACT({each} FROM t)": f"EXTRACT({each} FROM t)" for each in ("YEAR", "QUARTER", "MONTH", "DAY", "HOUR")},
    "EXTRACT(DAYOFWEEK FROM d)": "EXTRACT(DOW FROM d) + 1",
    "EXTRACT(SECOND FROM t)": "EXTRACT(SECOND FROM t)",
    "EXTRACT(DAYOFYEAR FROM d)": "EXTRACT(DOY FROM d)",
}


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def by_duckdb(batch: pa.RecordBatch, sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", pa.Table.from_batches([batch]))
        values: list[Any] = connection.sql(f"SELECT {sql} AS value FROM events").to_arrow_table()["value"].to_pylist()
    return values


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, int | float | Decimal):
        return math.isclose(one, float(other), rel_tol=1e-12)
    return bool(one == other)


def row(**values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(SCHEMA.names), **values}


def at(hour: int, minute: int, second: int, microsecond: int = 0) -> datetime:
    return datetime(2000, 1, 1, hour, minute, second, microsecond, tzinfo=UTC)


@settings(max_examples=60)
@example(rows=[row(t=at(0, 1, 0, 1), u=at(1, 1, 0))])
@given(rows=st.lists(ROW, min_size=1, max_size=12))
def test_every_function_gives_what_duckdb_gives(rows: list[dict[str, Any]]) -> None:
    batch = batch_of(rows)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", pa.Table.from_batches([batch]))
        columns = ", ".join(f"{theirs} AS c{place}" for place, theirs in enumerate(SAME.values()))
        wanted = connection.sql(f"SELECT {columns} FROM events").to_arrow_table()
    for place, ours in enumerate(SAME):
        found = compile_expression(ours, SCHEMA).run(batch).to_pylist()
        expected = wanted[f"c{place}"].to_pylist()
        assert all(map(same, found, expected)), (ours, found, expected)


@pytest.mark.parametrize(
    ("until", "since", "whole", "begun"),
    [
        pytest.param(at(0, 1, 0, 1), at(1, 1, 0), 0, -1, id="a microsecond less than an hour, backwards"),
        pytest.param(at(1, 1, 0), at(0, 1, 0, 1), 0, 1, id="a microsecond less than an hour"),
        pytest.param(at(1, 1, 0), at(0, 1, 0), 1, 1, id="an hour"),
        pytest.param(at(1, 0, 0), at(0, 59, 59), 0, 1, id="a second that begins an hour"),
        pytest.param(at(0, 59, 59), at(0, 0, 0), 0, 0, id="nearly the whole of an hour"),
    ],
)
def test_a_difference_of_timestamps_counts_whole_hours_and_one_of_datetimes_their_beginnings(
    until: datetime, since: datetime, whole: int, begun: int
) -> None:
    batch = batch_of([row(t=until, u=since, v=until.replace(tzinfo=None), w=since.replace(tzinfo=None))])
    for text, wanted in (("TIMESTAMP_DIFF(t, u, HOUR)", whole), ("DATETIME_DIFF(v, w, HOUR)", begun)):
        assert compile_expression(text, SCHEMA).run(batch).to_pylist() == [wanted], text


CONDITIONS = st.recursive(
    st.sampled_from(
        ["b", "(i > 0)", "(j = 1)", "(s = 'a')", "(x IS NULL)", "(n < 5)", "NULL", "TRUE", "(i IN (1, NULL))"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda each: f"({' '.join(each)})"),
        inner.map(lambda each: f"(NOT {each})"),
        inner.map(lambda each: f"({each} IS TRUE)"),
        st.tuples(inner, inner, inner).map(lambda each: "CASE WHEN {} THEN {} ELSE {} END".format(*each)),
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(condition=CONDITIONS, rows=st.lists(ROW, min_size=1, max_size=12))
def test_any_condition_is_true_where_duckdb_says_so(condition: str, rows: list[dict[str, Any]]) -> None:
    batch = batch_of(rows)

    found = compile_expression(condition, SCHEMA).run(batch).to_pylist()

    assert found == by_duckdb(batch, f"CAST({condition} AS BOOLEAN)")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an SQL expression"),
        ("i >", "not an SQL expression"),
        ("nope > 1", "no column nope"),
        ("r.nope", "no field nope"),
        ("i.city", "no field city"),
        ("i + s", "not defined for STRING"),
        ("i = s", "not defined for INT64 and STRING"),
        ("t > d", "not defined for TIMESTAMP and DATE"),
        ("r = r", "not defined for STRUCT"),
        ("i AND b", "AND takes BOOL"),
        ("LENGTH(i)", "takes STRING"),
        ("CAST(s AS BYTES)", "unknown type"),
        ("CAST(d AS INT64)", "cannot be CAST"),
        ("(SELECT 1)", "is not supported"),
        ("i; DROP TABLE x", "is not supported"),
        ("CURRENT_TIMESTAMP()", "is not supported"),
        ("RAND() > 0.5", "is not supported"),
        ("SESSION_USER()", "is not supported"),
        ("COUNT(*)", "is not supported"),
        ("SUM(i) OVER ()", "is not supported"),
        ("i IN (SELECT 1)", "an option that is not supported"),
        ("TRIM(s, 'x')", "an option that is not supported"),
        ("TIMESTAMP_TRUNC(t, DAY, 'Europe/Paris')", "an option that is not supported"),
        ("TIMESTAMP_TRUNC(t, WEEK)", "WEEK is not known"),
        ("EXTRACT(NANOSECOND FROM t)", "is not known"),
        ("REGEXP_CONTAINS(s, '(')", "not an RE2"),
        ("REGEXP_CONTAINS(s, s)", "not a text literal"),
        ("s LIKE s", "not a text literal"),
        ("SUBSTR(s, i)", "whole-number literal"),
        ("DATE '2026-02-30'", "an invalid DATE"),
        ("99999999999999999999", "does not fit into INT64"),
        (" + ".join("i" for _ in range(400)), "more than 500 parts"),
        ("NOT " * 60 + "b", "nested deeper"),
    ],
)
def test_what_cannot_be_run_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_expression(text, SCHEMA)
    assert why in str(raised.value)
    assert raised.value.remedy


def test_what_is_wrong_with_a_value_is_an_error_and_no_wrong_number() -> None:
    batch = batch_of([row(i=2**62, j=0, s="no number")])
    for text in ("i * 4", "i / j", "DIV(i, j)", "MOD(i, j)", "CAST(s AS INT64)"):
        with pytest.raises(pa.ArrowInvalid):
            compile_expression(text, SCHEMA).run(batch)


def test_names_are_found_in_any_case() -> None:
    batch = batch_of([row(i=1, r={"city": "x", "at": None})])

    assert compile_expression("I = 1 AND R.City = 'x'", SCHEMA).run(batch).to_pylist() == [True]


def test_a_comment_hides_nothing() -> None:
    batch = batch_of([row()])

    assert compile_expression("FALSE -- OR TRUE", SCHEMA).run(batch).to_pylist() == [False]
