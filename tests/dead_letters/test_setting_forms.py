"""What names a setting of a contract names it in the form of that contract: JSON, or the TOML of a sidecar."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from headrace.dead_letters.explain import explain
from headrace.dead_letters.remedies import state_it
from headrace.producers import EventProducer
from headrace.producers.testing import FakePublisher
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.notation import Notation
from headrace.schemas.registry import Registry
from tests.steps.decode.test_headers import ADA, ambiguous, message, texts
from tests.support.builders import MOMENT, a_contract
from tests.support.change_events import a_change, an_order, changes_contract
from tests.support.foreign_orders import (
    CONFLUENT,
    KAFKA,
    OFFSET,
    SUBJECT,
    a_datum,
    confluent_orders,
    framed,
    orders,
)

PAIR = re.compile(r'"[a-z_]+": ')
BARE: dict[str, Any] = {"envelope": {"kind": "attributes", "id": "message_id", "version": 1}}


class Refused(NamedTuple):
    """A message, its contracts, and the setting that its letter names in JSON and in TOML."""

    registry: Registry
    data: bytes
    json: str
    toml: str
    attributes: Mapping[str, str] = OFFSET
    subject: str = SUBJECT


def json_orders(**rules: Any) -> Registry:
    return orders(encoding="json", json={"convention": "jackson"}, **BARE, **rules)


LISTED = a_contract(
    ("tags", {"type": "array", "items": "string"}), encoding="json", json={"convention": "strict"}, **BARE
)
AMBIGUOUS = texts()
CHANGES = changes_contract(envelope={"before": "row"})

REFUSED = {
    "a tombstone": Refused(confluent_orders(), b"", '"empty": "drop"', 'empty = "drop"'),
    "a tombstone in JSON": Refused(json_orders(), b"", '"empty": "drop"', 'empty = "drop"'),
    "an id of no version": Refused(
        confluent_orders(),
        framed(a_datum(2), 9),
        'write "schema_ids": [9] in order_placed.v2',
        "write schema_ids = [9] in order_placed.v2",
    ),
    "a UUID of no version": Refused(
        orders({1: {"schema_ids": [str(UUID(int=1))]}}, encoding="glue", envelope=KAFKA),
        b"\3\0" + UUID(int=7).bytes + a_datum(),
        f'write "schema_ids": ["{UUID(int=7)}"]',
        f'write schema_ids = ["{UUID(int=7)}"]',
    ),
    "a fingerprint of no version": Refused(
        orders(encoding="single-object", envelope=KAFKA),
        b"\xc3\x01" + bytes(range(8)) + a_datum(),
        'write "fingerprints": ["0001020304050607"]',
        'write fingerprints = ["0001020304050607"]',
    ),
    "another encoding": Refused(
        orders(encoding="datum", **BARE),
        framed(a_datum()),
        'write "encoding": "confluent", and schema_ids in each version',
        'write encoding = "confluent", and schema_ids in each version',
    ),
    "a compressed one": Refused(
        orders(encoding="datum", **BARE),
        gzip.compress(a_datum()),
        'write "encoding": {"kind": "datum", "compression": "gzip"}',
        'write encoding = {kind = "datum", compression = "gzip"}',
    ),
    "no header": Refused(orders(**CONFLUENT), a_datum(), 'write "encoding": "datum" in', 'write encoding = "datum" in'),
    "an envelope of another client": Refused(
        orders(encoding="datum"),
        framed(a_datum()),
        'write "encoding": "confluent", and schema_ids in each version and an envelope in the newest contract',
        'write encoding = "confluent", and schema_ids in each version and an envelope in the newest contract',
    ),
    "a header in front": Refused(
        orders(encoding=None, **BARE),
        framed(a_datum()),
        'write "encoding": "confluent"',
        'write encoding = "confluent"',
    ),
    "two readings": Refused(
        Registry({AMBIGUOUS.ref: AMBIGUOUS}),
        ambiguous(AMBIGUOUS),
        'write "encoding": "datum" in the headrace object of the newest contract',
        'write encoding = "datum" in the sidecar of the newest contract',
        message(AMBIGUOUS, b"").attributes,
        AMBIGUOUS.subject,
    ),
    "a null for a list": Refused(
        Registry({LISTED.ref: LISTED}),
        b'{"tags":null}',
        'or set "null": "empty"',
        'or set null = "empty"',
        {},
        LISTED.subject,
    ),
    "a key of no field": Refused(
        json_orders(),
        b'{"code":"A-1","email":"a","new":1}',
        'or set "unknown_keys": "ignore"',
        'or set unknown_keys = "ignore"',
    ),
    "a row before a deletion": Refused(
        Registry({CHANGES.ref: CHANGES}),
        a_change("d", before=an_order(new=1)),
        'or set "unknown_keys": "ignore"; if rows before',
        'or set unknown_keys = "ignore"; if rows before',
        {},
        CHANGES.subject,
    ),
    "a tombstone among changes": Refused(
        Registry({CHANGES.ref: CHANGES}), b"", '"empty": "drop"', 'empty = "drop"', {}, CHANGES.subject
    ),
}


def texts_of(refused: Refused, notation: Notation) -> str:
    """What the job says of a refused message, and what the explanation of its letter says."""
    registry = Registry({each.ref: replace(each, notation=notation) for each in refused.registry})
    found = explain(registry, refused.subject, refused.attributes, refused.data)
    assert not found.would_decode.accepted
    return f"{found.would_decode.detail}\n{found.unclaimed}\n{found.setting}"


@pytest.mark.parametrize("case", REFUSED)
def test_a_setting_is_named_in_the_form_of_its_contract(case: str) -> None:
    refused = REFUSED[case]
    assert refused.json in texts_of(refused, Notation.SCHEMA)
    assert refused.json.replace("the headrace object", "the sidecar") in texts_of(refused, Notation.JSON)
    in_toml = texts_of(refused, Notation.TOML)
    assert refused.toml in in_toml
    assert not PAIR.search(in_toml)


@pytest.mark.parametrize("registry", [confluent_orders(), json_orders()])
def test_the_next_step_for_a_tombstone_is_the_setting_with_which_it_is_dropped(registry: Registry) -> None:
    found = explain(registry, SUBJECT, OFFSET, b"")
    assert state_it(found.setting).startswith('Write "empty": "drop" in the envelope of the newest contract')
    dropping = orders(encoding="confluent", envelope={**KAFKA, "empty": "drop"})
    assert explain(dropping, SUBJECT, OFFSET, b"").would_decode.accepted


def test_an_event_around_nothing_is_no_tombstone_and_names_no_setting_that_would_not_help() -> None:
    registry = orders(encoding="datum", envelope={"kind": "cloudevents-structured", "version": 1})
    found = explain(registry, SUBJECT, {}, b'{"specversion":"1.0","id":"1","source":"/s","type":"t"}')
    assert (found.would_decode.detail, found.setting) == ("an empty payload", "")


def test_the_sdk_names_the_setting_in_the_form_of_its_contract() -> None:
    contract = replace(AMBIGUOUS, notation=Notation.TOML)
    fields = {**dict.fromkeys(ADA, ""), "order": ambiguous(contract)[5:-8].decode(), "at": MOMENT}
    registry = Registry({contract.ref: contract})

    with (
        EventProducer(FakePublisher(), source="/test", contracts=registry) as producer,
        pytest.raises(InvalidEventError, match='write encoding = "datum" in the sidecar of the newest contract, or'),
    ):
        producer.publish(contract.subject, fields)
