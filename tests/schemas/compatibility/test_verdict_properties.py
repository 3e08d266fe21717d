"""Any change of any contract: what the rules allow works, and what they refuse has a witness."""

from __future__ import annotations

import json

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.column_changes import evolved_columns
from headrace.bigquery.event_table import arrow_schema, schema_mismatches, table_for
from headrace.bigquery.table_changes import evolved_table
from headrace.core.resource_names import Names
from headrace.schemas.compatibility.compare_contracts import compare_contracts
from headrace.schemas.compatibility.rules import Break, Direction
from headrace.schemas.registry import Contract
from tests.support.avro_judge import is_misread
from tests.support.builders import a_contract, decode, encode
from tests.support.contract_changes import CHANGES, Change
from tests.support.covering_events import covering_events
from tests.support.edited_contracts import Versions, versions
from tests.support.readers import KINDS, NEEDS_C, compile_reader
from tests.support.strategies import FIXED_PROFILE, events

EVENTS = 200
NAMES = Names("p", "d")


def broken(versions: Versions, direction: Direction | None) -> list[Break]:
    return [each for each in compare_contracts(*versions) if each.direction is direction]


@pytest.mark.parametrize("kind", KINDS)
@given(versions=versions(edits=3), data=st.data())
@settings(FIXED_PROFILE, max_examples=60)
def test_events_of_the_old_version_decode_and_fit_the_evolved_table(
    kind: str, versions: Versions, data: st.DataObject
) -> None:
    old, new = versions
    if broken(versions, Direction.BACKWARD):
        note("broken")
        return
    note("changed" if old.fingerprint != new.fingerprint else "the same")
    written = [*covering_events(old.record), *data.draw(st.lists(events(old.record), min_size=3, max_size=8))]
    reader = compile_reader(kind, old.record, new.record)
    for each in written:
        payload = encode(old, each)
        assert len(reader(payload)) == len(decode(old, payload, new)) == len(arrow_schema(new.record))
    if not evolved_columns([old, new]).refusals:
        table, _ = evolved_table([old, new], old.subject, NAMES)
        assert schema_mismatches(table.schema, table_for(new, "p", "d").schema) == []


@given(versions=versions())
@settings(FIXED_PROFILE, max_examples=150)
def test_what_the_rules_refuse_has_a_witness(versions: Versions) -> None:
    old, new = versions
    if any("never has a value" in each for each in (*old.notices, *new.notices)):
        return  # what has no column has no values either, in which a witness could be
    for direction, writer, reader in ((Direction.BACKWARD, old, new), (Direction.FORWARD, new, old)):
        found = broken(versions, direction)
        if found:
            note(f"{direction}: {found[0].rule}")
            assert has_witness(writer, reader) or evolved_columns([old, new]).refusals, found


def has_witness(writer: Contract, reader: Contract) -> bool:
    """Whether a program that uses Avro cannot read an event of *writer* with *reader*, or reads something else."""
    schemas = [json.loads(each.json) for each in (writer, reader)]
    return any(is_misread(encode(writer, each), *schemas) for each in covering_events(writer.record))


COMPATIBLE = [each for each in CHANGES if not each.backward and not each.column]


@NEEDS_C
@pytest.mark.parametrize("change", COMPATIBLE, ids=[each.name for each in COMPATIBLE])
@given(data=st.data())
@settings(FIXED_PROFILE, max_examples=4)
def test_two_hundred_events_of_the_old_version_decode_with_the_new_one(change: Change, data: st.DataObject) -> None:
    old, new = a_contract(*change.old), a_contract(*change.new, version=2)
    reader = compile_reader("compiled", old.record, new.record)
    table, _ = evolved_table([old, new], old.subject, NAMES)

    assert schema_mismatches(table.schema, table_for(new, "p", "d").schema) == []
    for each in data.draw(st.lists(events(old.record), min_size=EVENTS // 4, max_size=EVENTS // 4)):
        payload = encode(old, each)
        assert len(reader(payload)) == len(decode(old, payload, new))
