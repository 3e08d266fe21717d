"""Rows are filtered, derived and handed to a function; what fails is refused alone, and all of it is counted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.beam.transform_dofn import _TransformFn
from headrace.bigquery.event_table import row_schema, table_for
from headrace.config.secrets import HeldKey
from headrace.config.settings import load_contracts
from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.core.sealed_messages import seal, sealing_key
from headrace.engine.prepare import Preparation
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.steps.circuit_breaker import FLOOR, CircuitOpenError
from headrace.steps.decode.decode_messages import Decoder, decode
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.tokens import TokenKey
from headrace.steps.transform import Transformer, check_transformations, find_functions
from headrace.steps.user_functions import Function
from tests.support.builders import FLIGHT, MOMENT, a_contract, a_flight, an_envelope, contract_json, encode
from tests.support.functions import installed
from tests.support.paths import ROOT
from tests.support.transformed_rows import FIELDS, KEY, MINUTE, counts, messages, prepared, rows, things

SIZES = st.lists(
    st.tuples(st.none() | st.integers(-9, 9), st.sampled_from(["Rome", "Oslo", ""])), min_size=1, max_size=9
)


@settings(max_examples=40)
@given(events=SIZES)
def test_filter_and_derived_columns_are_those_of_duckdb(events: list[tuple[int | None, str]]) -> None:
    contract = things(
        where="size > 0 OR city = ''",
        derived=[
            {"name": "next", "type": "int", "expression": "size + 1"},
            {"name": "label", "type": "string", "expression": "UPPER(city) || '-' || CAST(size AS STRING)"},
            {"name": "share", "type": "double", "expression": "SAFE_DIVIDE(10, size)"},
        ],
    )

    done = prepared(contract, *events)

    raw = pa.table({"size": pa.array([e[0] for e in events], pa.int32()), "city": [e[1] for e in events]})
    with duckdb.connect() as connection:
        connection.register("raw", raw)
        wanted = connection.sql(
            "SELECT size, city, size + 1, UPPER(city) || '-' || CAST(size AS VARCHAR),"
            " CASE WHEN size != 0 THEN 10 / size END FROM raw WHERE size > 0 OR city = ''"
        ).fetchall()
    assert rows(done, "size", "city", "next", "label", "share") == wanted
    assert done.dropped == len(events) - len(wanted)
    assert counts(done) == +Counter(received=done.dropped, dropped=done.dropped)
    assert not done.letters


def test_a_row_of_which_it_is_not_known_is_dropped() -> None:
    assert rows(prepared(things(where="size > 1"), (None, "x"), (2, "y")), "city") == [("y",)]


def test_all_may_be_dropped() -> None:
    done = prepared(things(where="FALSE"), (1, "x"), (2, "y"))

    assert done.batch is None
    assert counts(done) == Counter(received=2, dropped=2)


def test_a_row_that_an_expression_fails_on_is_a_letter_and_its_neighbours_are_written() -> None:
    contract = things(derived=[{"name": "share", "type": "double", "expression": "10 / size"}])

    done = prepared(contract, (1, "a"), (0, "b"), (2, "c"), (None, "d"), (0, "e"))

    assert rows(done, "city", "share") == [("a", 10.0), ("c", 5.0), ("d", None)]
    assert [(letter.message.message_id, letter.reason) for letter in done.letters] == [
        ("1", Reason.TRANSFORM_FAILED),
        ("4", Reason.TRANSFORM_FAILED),
    ]
    assert {letter.detail for letter in done.letters} == {"an expression of the contract: divide by zero"}
    assert counts(done) == Counter(received=2, transform_failed=2)


def test_a_filter_that_fails_on_a_row_drops_and_keeps_the_others() -> None:
    done = prepared(things(where="10 / size > 4"), (0, "a"), (1, "b"), (9, "c"))

    assert rows(done, "city") == [("b",)]
    assert counts(done) == Counter(received=2, dropped=1, transform_failed=1)


def test_a_number_too_large_for_its_column_is_a_letter_without_the_number() -> None:
    contract = things(derived=[{"name": "big", "type": "int", "expression": "size * 1000000000"}])

    done = prepared(contract, (1, "a"), (9, "b"))

    assert rows(done, "big") == [(1_000_000_000,)]
    assert [letter.detail for letter in done.letters] == [
        "an expression of the contract: a value that cannot be converted"
    ]


def test_a_whole_number_fits_a_narrow_decimal_and_any_double() -> None:
    narrow = {"type": "bytes", "logicalType": "decimal", "precision": 3, "scale": 1}
    contract = things(
        derived=[
            {"name": "exact", "type": narrow, "expression": "size"},
            {"name": "about", "type": "float", "expression": "size"},
        ]
    )

    done = prepared(contract, (99, "a"), (2**30, "b"), (None, "c"))

    assert rows(done, "exact", "about") == [(Decimal("99.0"), 99.0), (None, None)]
    assert [letter.message.message_id for letter in done.letters] == ["1"]


def test_expressions_see_masked_values_only() -> None:
    json_fields = [
        {"name": "email", "type": "string", "pii": {"kind": "email", "mask": "tokenise"}},
        {"name": "secret", "type": "string", "pii": {"kind": "code", "mask": "omit"}},
    ]
    contract = classified(*json_fields, derived=[{"name": "copied", "type": "string", "expression": "email"}])
    with pytest.raises(ContractError, match="no column secret"):
        check_transformations(classified(*json_fields, where="secret = 'x'"))

    values = {"email": "ada@example.com", "secret": "s", "at": MOMENT}
    envelope = an_envelope(schema=contract.ref, event_time=MOMENT)
    message = Message(contract.subject, encode(contract, values), envelope.to_attributes(), "1", 0)
    registry = Registry({contract.ref: contract})
    done = Preparation(registry, contract.subject, MINUTE, TokenKey(KEY)).prepare([message], 0)
    (row,) = rows(done, "email", "copied") or [("", "")]
    assert row[0] == row[1]
    assert "ada" not in row[1]


def classified(*fields: Any, **annotations: Any) -> Contract:
    return a_contract(*fields, **({"late_after": "1825d"} | annotations))


def test_the_table_has_the_derived_columns() -> None:
    contract = things(derived=[{"name": "next", "type": "long", "doc": "One more", "expression": "size + 1"}])

    (column,) = [each for each in table_for(contract, "p", "d").schema if each.name == "next"]
    assert (column.field_type, column.mode, column.description) == ("INT64", "NULLABLE", "One more")
    done = prepared(contract, (1, "a"))
    assert done.batch is not None
    assert done.batch.rows.schema == row_schema(contract)


def test_a_contract_that_transforms_nothing_has_no_transformer() -> None:
    assert Transformer.of(things()) is None
    assert Transformer.of(things(rollups=[{"name": "all_things", "measures": {"events": "COUNT(*)"}}])) is None


@pytest.mark.parametrize(
    ("annotations", "where", "why"),
    [
        ({"where": "size"}, "where", "where takes BOOL, not INT64"),
        ({"where": "colour = 'x'"}, "where", "no column colour"),
        (
            {"derived": [{"name": "more", "type": "string", "expression": "size + 1"}]},
            "derived.more.expression",
            "it returns INT64",
        ),
        ({"derived": [{"name": "more", "type": "long", "expression": "more"}]}, "derived.more.expression", "no column"),
        (
            {"rollups": [{"name": "sums", "by": {"x": "size / 2"}, "measures": {"events": "COUNT(*)"}}]},
            "rollups.sums.by.x",
            "nothing is grouped by FLOAT64",
        ),
        ({"rollups": [{"name": "sums", "measures": {"x": "size"}}]}, "rollups.sums.measures.x", "not an aggregate"),
        ({"rollups": [{"name": "sums", "measures": {"x": "SUM(city)"}}]}, "rollups.sums.measures.x", "not defined"),
        ({"rollups": [{"name": "sums", "where": "1", "measures": {"x": "COUNT(*)"}}]}, "rollups.sums.where", "BOOL"),
    ],
)
def test_what_cannot_be_run_is_refused_when_contracts_are_loaded(
    tmp_path: Path, annotations: dict[str, Any], where: str, why: str
) -> None:
    (tmp_path / "thing_happened.v1.avsc").write_text(json.dumps(contract_json(*FIELDS, **annotations)))

    with pytest.raises(ContractError) as raised:
        load_contracts(tmp_path)

    assert str(raised.value).startswith(f"thing_happened.v1.avsc:1: thing_happened.v1.headrace.{where}: ")
    assert why in str(raised.value)


def test_a_function_that_is_not_installed_is_named_when_the_job_is_made() -> None:
    contract = things(function="no_such_function")
    check_transformations(contract)

    with pytest.raises(ContractError, match=r"headrace\.function: no entry point no_such_function"):
        Transformer.of(contract)


def test_a_job_finds_its_functions_before_it_opens_anything() -> None:
    contract = things(function="upper")
    registry = Registry({contract.ref: contract})

    with installed(upper=upper):
        find_functions(registry)
    with pytest.raises(ContractError, match="no entry point upper"):
        find_functions(registry)


def upper(batch: pa.RecordBatch) -> pa.RecordBatch:
    place = batch.schema.get_field_index("city")
    if pc.any(pc.equal(batch.column("city"), "bad")).as_py():
        raise KeyError("bad@example.com")
    return batch.set_column(place, batch.schema.field(place), pc.utf8_upper(batch.column(place)))


def test_a_function_may_change_values_and_fill_columns_and_what_it_fails_on_is_a_letter() -> None:
    contract = things(function="upper", derived=[{"name": "spare", "type": "string"}])

    with installed(upper=upper):
        done = prepared(contract, (1, "rome"), (2, "bad"), (3, "oslo"), (4, "bad"))

    assert rows(done, "size", "city", "spare") == [(1, "ROME", None), (3, "OSLO", None)]
    assert [letter.message.message_id for letter in done.letters] == ["1", "3"]
    assert {letter.detail for letter in done.letters} == {"upper raised KeyError"}
    assert counts(done) == Counter(received=2, transform_failed=2)


def test_a_function_sees_only_what_the_filter_keeps() -> None:
    with installed(upper=upper):
        done = prepared(things(function="upper", where="city != 'bad'"), (1, "bad"), (2, "rome"))

    assert rows(done, "city") == [("ROME",)]
    assert counts(done) == Counter(received=1, dropped=1)


def with_column(name: str, make: Callable[[pa.Array], pa.Array]) -> Function:
    def change(batch: pa.RecordBatch) -> pa.RecordBatch:
        place = batch.schema.get_field_index(name)
        return batch.set_column(place, batch.schema.field(place), make(batch.column(place)))

    return change


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda batch: batch.slice(1), "another number of rows"),
        (lambda batch: pa.concat_batches([batch, batch]), "another number of rows"),
        (lambda batch: batch.to_pylist(), "did not return a pyarrow.RecordBatch"),
        (lambda batch: None, "did not return a pyarrow.RecordBatch"),
        (lambda batch: batch.drop_columns(["city"]), "did not return column city"),
        (lambda batch: batch.select(batch.schema.names[::-1]), "did not return column size"),
        (lambda batch: batch.append_column("more", batch.column(0)), "additional columns"),
        (with_column("city", lambda values: pa.nulls(len(values), values.type)), "a null in city"),
        (with_column("_event_id", lambda values: pc.utf8_upper(values)), "changed _event_id"),
        (with_column("at", lambda values: pc.add(values, timedelta(days=1))), "changed at"),
        (with_column("_ingested_at", lambda values: pc.add(values, timedelta(days=1))), "changed _ingested_at"),
    ],
)
def test_a_function_that_does_more_than_it_may_is_found_out(function: Any, why: str) -> None:
    with installed(wild=function):
        done = prepared(things(function="wild"), (1, "rome"), (2, "oslo"))

    assert done.batch is None
    assert len(done.letters) == 2
    assert all(why in letter.detail for letter in done.letters)


def test_a_function_that_swaps_rows_loses_nothing() -> None:
    with installed(swap=lambda batch: batch.take(pa.array(range(batch.num_rows)[::-1]))):
        done = prepared(things(function="swap"), (1, "rome"), (2, "oslo"))

    assert rows(done, "size", "city") == [(1, "rome"), (2, "oslo")]  # one row at a time, it can swap nothing


@settings(max_examples=30)
@given(events=SIZES, bad=st.sets(st.integers(-9, 9)))
def test_every_event_has_one_outcome(events: list[tuple[int | None, str]], bad: set[int]) -> None:
    def fussy(batch: pa.RecordBatch) -> pa.RecordBatch:
        if bad & set(batch.column("size").to_pylist()):
            raise ValueError
        return batch

    with installed(fussy=fussy):
        done = prepared(things(function="fussy", where="city != '' "), *events)

    dropped = sum(city == "" for _, city in events)
    failed = sum(city != "" and size in bad for size, city in events)
    assert counts(done) == +Counter(received=dropped + failed, dropped=dropped, transform_failed=failed)
    assert len(rows(done, "city")) == len(events) - dropped - failed


def test_masking_comes_before_transforming() -> None:
    contract = things(where="size > 0")
    decoded = decode(messages(contract, (1, "x")), Decoder(Registry({contract.ref: contract}), contract.subject), 0)
    assert decoded.batch is not None
    transformer = Transformer.of(contract)
    assert transformer is not None

    masked = Masker(contract, TokenKey(KEY)).mask(decoded.batch.rows)

    assert masked.schema.names == row_schema(contract).names


def test_a_job_without_expressions_does_not_load_the_parser() -> None:
    code = (
        "import sys; from headrace.schemas.registry import Registry; from headrace.schemas.samples import SAMPLES;"
        "from headrace.engine.prepare import Preparation;"
        "from datetime import timedelta; from headrace.steps.mask.tokens import TokenKey;"
        "r = Registry.load(SAMPLES); told = timedelta(minutes=1), TokenKey(bytes(32));"
        "[Preparation(r, s, *told) for s in r.subjects]; print('sqlglot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"


def test_on_dataflow_a_bundle_fails_when_too_much_of_it_cannot_be_transformed() -> None:
    contract = things(derived=[{"name": "share", "type": "double", "expression": "10 / size"}])
    registry = Registry({contract.ref: contract})
    events = messages(contract, *[(0, "x")] * FLOOR)
    decoded = decode(events, Decoder(registry, contract.subject), 0)
    assert decoded.batch is not None
    key = HeldKey(KEY)
    step = _TransformFn(registry, MINUTE, lambda: 0, key)
    step.setup()

    with pytest.raises(CircuitOpenError, match=r"thing_happened: 1,000 of 1,000 messages refused .*stay in Pub/Sub"):
        list(step.process(replace(decoded.batch, sealed=seal(events, sealing_key(KEY)))))


def the_page() -> str:
    return (ROOT / "docs" / "transformations.md").read_text()


def test_the_example_of_the_page_works() -> None:
    (annotation,) = re.findall(r'```json\n"headrace": (.*?)\n```', the_page(), re.DOTALL)
    (function,) = re.findall(r"```python\n(.*?)```", the_page(), re.DOTALL)
    contract = parse_contract(FLIGHT.ref, json.dumps(json.loads(FLIGHT.json) | {"headrace": json.loads(annotation)}))
    check_transformations(contract)
    given: dict[str, Any] = {}
    exec(function, given)

    envelope = an_envelope(schema=contract.ref, event_time=MOMENT)
    published = int(MOMENT.timestamp() * 1e6)
    message = Message(contract.subject, encode(contract, a_flight()), envelope.to_attributes(), "1", published)
    with installed(add_route=given["add_route"]):
        registry = Registry({contract.ref: contract})
        done = Preparation(registry, contract.subject, MINUTE, TokenKey(KEY)).prepare([message], published)

    assert rows(done, "delayed", "speed", "route") == [(False, 1400 * 60 / 227, "EWR-IAH")]
