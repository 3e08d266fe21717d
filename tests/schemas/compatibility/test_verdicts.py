"""The verdict on each change of a contract, in each direction, beside those of two other readers of Avro."""

from __future__ import annotations

import json
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse as parse_schema

from headrace.bigquery.column_changes import evolved_columns
from headrace.schemas.compatibility.compare_contracts import compare_contracts
from headrace.schemas.compatibility.rules import Direction
from headrace.schemas.registry import Contract
from tests.support.avro_judge import is_misread
from tests.support.builders import a_contract, contract_json, decode, encode
from tests.support.contract_changes import CHANGES, Change
from tests.support.covering_events import covering_events

EACH = pytest.mark.parametrize("change", CHANGES, ids=[each.name for each in CHANGES])
DIRECTIONS = pytest.mark.parametrize("direction", Direction)


def contracts(change: Change) -> tuple[Contract, Contract]:
    return a_contract(*change.old), a_contract(*change.new, version=2)


def schemas(change: Change, direction: Direction) -> tuple[Any, Any]:
    """The schemas of writer and reader, as Avro's own tools take them."""
    old, new = contract_json(*change.old), contract_json(*change.new)
    return (old, new) if direction is Direction.BACKWARD else (new, old)


def broken(change: Change, direction: Direction) -> frozenset[Any]:
    return change.backward if direction is Direction.BACKWARD else change.forward


def test_there_is_a_verdict_on_each_of_more_than_a_hundred_changes() -> None:
    assert len(CHANGES) > 100
    assert len({each.name for each in CHANGES}) == len(CHANGES)


@EACH
def test_the_rules_of_each_change(change: Change) -> None:
    old, new = contracts(change)
    found = list(compare_contracts(old, new))

    assert {each.rule for each in found if each.direction is Direction.BACKWARD} == change.backward
    assert {each.rule for each in found if each.direction is Direction.FORWARD} == change.forward
    assert {each.rule for each in found if each.direction is None} == change.always
    assert {each.rule for each in evolved_columns([old, new]).refusals} == change.column


@EACH
def test_the_job_reads_older_events_unless_a_rule_says_otherwise(change: Change) -> None:
    old, new = contracts(change)
    fatal = any(each.is_fatal for each in compare_contracts(old, new))
    failed = False
    for event in covering_events(old.record):
        try:
            decode(old, encode(old, event), new)
        except ValueError:
            failed = True
    assert failed == bool(change.backward)
    assert not fatal or failed


@EACH
@DIRECTIONS
def test_another_reader_misreads_an_event_where_a_rule_is_broken(change: Change, direction: Direction) -> None:
    contract = contracts(change)[direction is Direction.FORWARD]
    events = [encode(contract, event) for event in covering_events(contract.record)]
    found = any(is_misread(data, *schemas(change, direction)) for data in events)

    if direction in change.strict:
        assert found, "and Headrace reads them all"
    elif change.is_own:
        assert not found, "and Headrace alone knows this type"
    elif direction in change.cautious:
        assert not found
        assert broken(change, direction)
    else:
        assert found == bool(broken(change, direction))


@EACH
@DIRECTIONS
def test_where_the_checker_of_apache_avro_is_blind(change: Change, direction: Direction) -> None:
    writer, reader = (parse_schema(json.dumps(each)) for each in schemas(change, direction))
    checker: Any = ReaderWriterCompatibilityChecker
    verdict = checker().get_compatibility(reader, writer).compatibility

    is_fine = verdict is SchemaCompatibilityType.compatible
    expected = not broken(change, direction) or direction in change.blind
    assert is_fine == (expected and direction not in change.strict)
