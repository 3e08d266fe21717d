"""Rules on values: which rows break one, what becomes of them, and what a rule sees."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import row_schema
from headrace.config.settings import load_contracts
from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.engine.prepare import Preparation, Prepared
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry
from headrace.sql.node import Node
from headrace.steps import contract_expressions
from headrace.steps.circuit_breaker import COUNTED
from headrace.steps.mask.tokens import TokenKey
from headrace.steps.transform import check_transformations
from tests.support.builders import MOMENT, a_contract, an_envelope, contract_json, encode
from tests.support.functions import installed
from tests.support.transformed_rows import FIELDS, KEY, MINUTE, counts, prepared, rows, things


def refusing(name: str, expression: str) -> dict[str, str]:
    return {"name": name, "expression": expression, "else": "dead_letter"}


def warning(name: str, expression: str) -> dict[str, str]:
    return {"name": name, "expression": expression, "else": "warn"}


def letters(done: Prepared) -> list[tuple[str, Reason, str]]:
    found = [(letter.message.message_id, letter.reason, letter.detail) for letter in done.letters]
    return sorted(found, key=lambda each: int(each[0]))


def broken(message_id: str, rule: str) -> tuple[str, Reason, str]:
    return message_id, Reason.RULE_BROKEN, f"rule {rule} is broken"


def test_a_row_that_breaks_a_rule_is_a_letter_that_names_the_rule() -> None:
    done = prepared(things(rules=[refusing("has_size", "size > 0")]), (1, "a"), (-7, "b"), (3, "c"))

    assert rows(done, "size", "city") == [(1, "a"), (3, "c")]
    assert letters(done) == [broken("1", "has_size")]
    assert counts(done) == Counter(received=1, rule_broken=1)
    assert not done.warnings


def test_all_rows_may_break_a_rule() -> None:
    done = prepared(things(rules=[refusing("never", "FALSE"), warning("also", "FALSE")]), (1, "a"), (2, "b"))

    assert done.batch is None
    assert letters(done) == [broken("0", "never"), broken("1", "never")]
    assert not done.warnings


def test_null_keeps_a_rule_as_it_keeps_a_check_constraint() -> None:
    rules = [refusing("has_size", "size > 0"), refusing("unknown", "NULL"), warning("small", "size < 5")]

    done = prepared(things(rules=rules), (None, "a"), (9, "b"))

    assert rows(done, "size") == [(None,), (9,)]
    assert not done.letters
    assert done.warnings == {"small": 1}


def test_the_first_broken_rule_in_the_order_of_the_contract_is_named() -> None:
    rules = [refusing("b", "size != 1"), refusing("a", "size < 2"), refusing("c", "city != 'x'")]

    done = prepared(things(rules=rules), (1, "x"), (2, "x"), (0, "x"), (0, "y"))

    assert letters(done) == [broken("0", "b"), broken("1", "a"), broken("2", "c")]
    assert rows(done, "city") == [("y",)]


def test_a_rule_that_only_warns_counts_the_rows_that_are_written() -> None:
    rules = [warning("small", "size < 5"), refusing("named", "city != ''"), warning("even", "MOD(size, 2) = 0")]

    done = prepared(things(rules=rules), (7, "a"), (8, ""), (9, "c"), (2, "d"))

    assert rows(done, "size") == [(7,), (9,), (2,)]
    assert done.warnings == {"small": 2, "even": 2}


def test_a_row_that_the_filter_drops_is_not_judged() -> None:
    rules = [refusing("has_size", "size > 0"), warning("small", "size < 0")]

    done = prepared(things(where="city = 'in'", rules=rules), (-1, "out"), (1, "in"))

    assert (done.dropped, done.letters, done.warnings) == (1, [], {"small": 1})


def test_rules_see_derived_columns_and_what_the_function_has_made_of_the_row() -> None:
    def upper(batch: pa.RecordBatch) -> pa.RecordBatch:
        place = batch.schema.get_field_index("city")
        return batch.set_column(place, batch.schema.field(place), pc.utf8_upper(batch.column(place)))

    derived = [{"name": "twice", "type": "long", "expression": "size * 2"}]
    rules = [refusing("loud", "city = UPPER(city)"), refusing("twice_is_small", "twice < 10")]

    with installed(upper=upper):
        done = prepared(things(derived=derived, function="upper", rules=rules), (1, "a"), (5, "b"))

    assert rows(done, "city", "twice") == [("A", 2)]
    assert letters(done) == [broken("1", "twice_is_small")]


def test_a_rule_may_use_the_columns_of_headrace() -> None:
    rules = [refusing("other_id", "_event_id != 'event-1'"), refusing("recent", "_event_time > TIMESTAMP '2000-01-01'")]

    assert letters(prepared(things(rules=rules), (1, "a"), (1, "b"))) == [broken("1", "other_id")]


def test_a_row_on_which_a_rule_fails_is_refused_alone_and_the_rule_named() -> None:
    done = prepared(things(rules=[refusing("share", "10 / size > 2")]), (0, "a"), (1, "b"), (9, "c"), (None, "d"))

    assert rows(done, "city") == [("b",), ("d",)]
    assert letters(done) == [("0", Reason.TRANSFORM_FAILED, "rule share: divide by zero"), broken("2", "share")]


def test_an_earlier_rule_guards_a_later_one() -> None:
    rules = [refusing("no_zero", "size != 0"), refusing("share", "10 / size > 2")]

    assert letters(prepared(things(rules=rules), (0, "a"), (1, "b"))) == [broken("0", "no_zero")]


def test_a_rule_that_only_warns_keeps_no_row_from_its_table_even_where_it_fails() -> None:
    done = prepared(things(rules=[warning("share", "10 / size > 2")]), (0, "a"), (1, "b"), (9, "c"))

    assert rows(done, "city") == [("a",), ("b",), ("c",)]
    assert (done.letters, done.warnings) == ([], {"share": 2})


def test_rules_see_masked_values_only_and_say_none_of_them() -> None:
    fields = [
        ("email", "string", {"pii": {"kind": "email", "mask": "tokenise"}}),
        ("phone", ["null", "string"], {"default": None, "pii": {"kind": "phone", "mask": "partial", "keep_last": 2}}),
        ("secret", "string", {"pii": {"kind": "code", "mask": "omit"}}),
    ]
    rules = [
        warning("clear_email", "email != 'ada@example.com'"),
        warning("clear_phone", "phone != '12345'"),
        warning("token", "STARTS_WITH(email, 't1_') AND LENGTH(email) = 35"),
        refusing("stars", "phone != '***45'"),
    ]
    contract = a_contract(*fields, rules=rules)
    values = {"email": "ada@example.com", "phone": "12345", "secret": "s", "at": MOMENT}
    attributes = an_envelope(schema=contract.ref, event_time=MOMENT).to_attributes()
    message = Message(contract.subject, encode(contract, values), attributes, "1", int(MOMENT.timestamp() * 1e6))

    registry = Registry({contract.ref: contract})
    done = Preparation(registry, contract.subject, MINUTE, TokenKey(KEY)).prepare([message], 0)

    assert letters(done) == [broken("1", "stars")]
    assert not done.warnings
    with pytest.raises(ContractError, match=r"rules\.peeks\.expression: no column secret"):
        check_transformations(a_contract(*fields, rules=[refusing("peeks", "secret = 's'")]))


def test_the_circuit_breaker_does_not_count_broken_rules() -> None:
    assert Reason.RULE_BROKEN not in COUNTED


def test_each_rule_runs_once_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    compiled = contract_expressions.compiled

    def counting(text: str, columns: pa.Schema) -> Node:
        node = compiled(text, columns)

        def run(batch: pa.RecordBatch) -> pa.Array:
            runs.append(batch.num_rows)
            return node.run(batch)

        return Node(node.type, run, node.literal)

    monkeypatch.setattr(contract_expressions, "compiled", counting)
    rules = [refusing("a", "size > 0"), warning("b", "size > 1"), refusing("c", "size > 0")]

    prepared(things(rules=rules), *[(each, "x") for each in range(100)])

    assert runs == [100, 99, 99]


def test_rows_of_a_contract_with_rules_have_the_columns_of_its_table() -> None:
    contract = things(rules=[refusing("has_size", "size > 0")])

    done = prepared(contract, (1, "a"), (-1, "b"))

    assert done.batch is not None
    assert done.batch.rows.schema == row_schema(contract)
    assert len(done.batch.notes) == 1


@dataclass(frozen=True)
class Known:
    """An expression, and what it is for one row by Python's own means; raises ZeroDivisionError where it fails."""

    expression: str
    of: Callable[[int | None, str], bool | None]


KNOWN: Sequence[Known] = (
    Known("size > 0", lambda size, city: None if size is None else size > 0),
    Known("size IS NOT NULL", lambda size, city: size is not None),
    Known("city != ''", lambda size, city: city != ""),
    Known("10 / size > 2", lambda size, city: None if size is None else 10 / size > 2),
    Known("size < 5 OR city = 'Rome'", lambda size, city: city == "Rome" or (None if size is None else size < 5)),
    Known("size NOT IN (1, 2)", lambda size, city: None if size is None else size not in (1, 2)),
    Known("TRUE", lambda size, city: True),
    Known("FALSE", lambda size, city: False),
    Known("NULL", lambda size, city: None),
)
EVENTS = st.lists(
    st.tuples(st.none() | st.integers(-9, 9), st.sampled_from(["Rome", "Oslo", ""])), min_size=1, max_size=12
)


def judged(size: int | None, city: str, rules: Sequence[tuple[Known, str]]) -> tuple[str, set[str]]:
    """The detail of the letter of one row, or else the rules that warn of it: row by row, rule by rule."""

    def breaks(known: Known) -> bool | None:
        try:
            return known.of(size, city) is False
        except ZeroDivisionError:
            return None

    for number, (known, otherwise) in enumerate(rules):
        found = breaks(known)
        if otherwise == "dead_letter" and found is not False:
            return (f"rule r{number} is broken" if found else f"rule r{number}: divide by zero"), set()
    return "", {f"r{number}" for number, (known, _) in enumerate(rules) if _ == "warn" and breaks(known) is not False}


@settings(max_examples=60, deadline=None)
@given(
    events=EVENTS,
    chosen=st.lists(st.tuples(st.sampled_from(KNOWN), st.sampled_from(["dead_letter", "warn"])), max_size=5),
)
def test_batches_are_judged_as_rows_are_one_by_one(
    events: list[tuple[int | None, str]], chosen: list[tuple[Known, str]]
) -> None:
    rules = [{"name": f"r{n}", "expression": each.expression, "else": kind} for n, (each, kind) in enumerate(chosen)]

    done = prepared(things(rules=rules), *events)

    wanted = [judged(size, city, chosen) for size, city in events]
    assert [(message_id, detail) for message_id, _, detail in letters(done)] == [
        (str(place), detail) for place, (detail, _) in enumerate(wanted) if detail
    ]
    assert rows(done, "size", "city") == [
        event for event, (detail, _) in zip(events, wanted, strict=True) if not detail
    ]
    assert done.warnings == Counter(rule for _, warned in wanted for rule in warned)


WRONG = [
    ("size", "a rule takes BOOL, not INT64; write a condition, such as size > 0"),
    ("sise > 0", "no column sise; name a column that is stored"),
    ("size >", "it is not an SQL expression"),
    ("size > 'x'", "> is not defined for INT64 and STRING"),
    ("SUM(size) > 1", "SUM(size) is not supported"),
    ("size > (SELECT 1)", "is not supported"),
]


@pytest.mark.parametrize(("expression", "why"), WRONG)
def test_what_cannot_be_run_is_refused_with_its_line_in_the_schema(tmp_path: Path, expression: str, why: str) -> None:
    avro = contract_json(*FIELDS, rules=[refusing("fine", "size > 0"), refusing("wrong", expression)])
    text = json.dumps(avro, indent=1)
    (tmp_path / "thing_happened.v1.avsc").write_text(text)
    line = text[: text.index(json.dumps(expression))].count("\n") + 1

    with pytest.raises(ContractError) as raised:
        load_contracts(tmp_path)

    assert str(raised.value).startswith(
        f"thing_happened.v1.avsc:{line}: thing_happened.v1.headrace.rules.wrong.expression: "
    )
    assert why in str(raised.value)


@pytest.mark.parametrize(("expression", "why"), WRONG)
def test_what_cannot_be_run_is_refused_with_its_line_in_the_sidecar(tmp_path: Path, expression: str, why: str) -> None:
    avro = contract_json(*FIELDS)
    del avro["headrace"]
    (tmp_path / "thing_happened.v1.avsc").write_text(json.dumps(avro))
    sidecar = f"""table = "things"
event_time = "at"
late_after = "30d"
ahead_at_most = "10m"
encoding = "datum"
pii = "none"
[[rules]]
name = "fine"
expression = "size > 0"
else = "warn"
[[rules]]
name = "wrong"
expression = {json.dumps(expression)}
else = "warn"
"""
    (tmp_path / "thing_happened.v1.headrace.toml").write_text(sidecar)

    with pytest.raises(ContractError) as raised:
        load_contracts(tmp_path)

    assert str(raised.value).startswith(
        "thing_happened.v1.headrace.toml:13: thing_happened.v1.headrace.rules.wrong.expression: "
    )
    assert why in str(raised.value)
    (tmp_path / "thing_happened.v1.headrace.toml").write_text(sidecar.replace(json.dumps(expression), '"size > 1"'))
    (contract,) = load_contracts(tmp_path)
    assert [rule.name for rule in contract.transformations.rules] == ["fine", "wrong"]


def test_every_rule_that_cannot_be_run_is_told_at_once() -> None:
    rules: list[Any] = [refusing("a", "size"), refusing("b", "size > 0"), warning("c", "colour = 'x'")]

    with pytest.raises(ContractError) as raised:
        check_transformations(things(where="size", rules=rules))

    assert [each.where.partition("headrace.")[2] for each in raised.value.faults] == [
        "where",
        "rules.a.expression",
        "rules.c.expression",
    ]
