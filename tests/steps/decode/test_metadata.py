"""Columns of what a message carries beside its event: in the table, masked, and classified."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.bigquery.event_table import row_schema, table_for
from headrace.core.message import Message
from headrace.schemas.envelope import Envelope, from_micros, to_micros
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import Decoder, decode
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.tokens import TokenKey
from tests.support.builders import MOMENT, a_contract, encode

ALL = {
    "_published_at": {"pii": "none"},
    "_message_id": {"pii": "none"},
    "_ordering_key": {"pii": {"kind": "customer", "mask": "tokenise"}},
    "tenant": {"attribute": "tenant-id", "pii": "none"},
    "client": {"attribute": "client-ip", "pii": {"kind": "ip", "mask": "generalise", "to": "network"}},
}
PUBLISHED = to_micros(MOMENT) + 7


def a_message(contract: Contract, ordering_key: str = "", **attributes: str) -> Message:
    envelope = Envelope("event-1", contract.ref, MOMENT, "/test").to_attributes()
    more = {name.replace("_", "-"): value for name, value in attributes.items()}
    data = encode(contract, {"at": MOMENT})
    return Message(contract.subject, data, envelope | more, "m-1", PUBLISHED, ordering_key)


def row_of(contract: Contract, message: Message) -> dict[str, Any]:
    decoder = Decoder(Registry({contract.ref: contract}), contract.subject)
    batch = decode([message], decoder, PUBLISHED).batch
    assert batch is not None
    rows = Masker(contract, TokenKey(b"k" * 32)).mask(batch.rows)
    assert rows.schema == row_schema(contract)
    row: dict[str, Any] = rows.to_pylist()[0]
    return row


def test_a_row_has_what_its_message_carries_masked_as_the_contract_says() -> None:
    contract = a_contract(metadata=ALL)

    row = row_of(contract, a_message(contract, "customer-7", tenant_id="eu", client_ip="203.0.113.77"))

    assert (row["_published_at"], row["_message_id"]) == (from_micros(PUBLISHED), "m-1")
    assert (row["tenant"], row["client"]) == ("eu", "203.0.113.0/24")
    assert row["_ordering_key"].startswith("t1_")


def test_what_a_message_lacks_is_null() -> None:
    contract = a_contract(metadata=ALL)

    row = row_of(contract, a_message(contract))

    assert (row["_ordering_key"], row["tenant"], row["client"]) == (None, None, None)


def test_an_attribute_that_no_column_can_hold_is_changed_where_it_must_be() -> None:
    contract = a_contract(metadata={"tenant": {"attribute": "tenant-id", "pii": "none"}})

    assert row_of(contract, a_message(contract, tenant_id="a\ud800"))["tenant"] == "a?"


def test_the_table_has_the_columns_after_those_of_the_event() -> None:
    columns = {each.name: each for each in table_for(a_contract(metadata=ALL), "p", "d").schema}

    assert [*columns][1:6] == [*ALL]
    assert [columns[name].field_type for name in ALL] == ["TIMESTAMP", "STRING", "STRING", "STRING", "STRING"]
    assert [columns[name].mode for name in ALL] == ["REQUIRED", "REQUIRED", "NULLABLE", "NULLABLE", "NULLABLE"]


@pytest.mark.parametrize(
    ("metadata", "why", "good"),
    [
        ({"_message_id": {}}, "not classified", {"_message_id": {"pii": "none"}}),
        ({"_id": {"attribute": "x", "pii": "none"}}, "invalid name", {"id": {"attribute": "x", "pii": "none"}}),
        ({"AT": {"attribute": "x", "pii": "none"}}, "named twice", {"moment": {"attribute": "x", "pii": "none"}}),
        ({"x": {"pii": "none"}}, "missing", {"x": {"attribute": "tenant-id", "pii": "none"}}),
        ({"_message_id": {"attribute": "x", "pii": "none"}}, "unknown annotation", {"_message_id": {"pii": "none"}}),
        (
            {"_message_id": {"pii": {"kind": "id", "mask": "generalise", "to": "month"}}},
            "does not fit its type",
            {"_message_id": {"pii": {"kind": "id", "mask": "redact"}}},
        ),
        ({"_message_id": {"pii": {"kind": "id", "mask": "omit"}}}, "an omitted column", {}),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_wrong_column_is_refused_and_accepted_once_its_remedy_is_followed(
    metadata: dict[str, Any], why: str, good: dict[str, Any]
) -> None:
    with pytest.raises(ContractError, match=why):
        a_contract(metadata=metadata)
    a_contract(metadata=good)


def test_rows_can_be_clustered_by_a_column_of_an_attribute() -> None:
    metadata = {"tenant": {"attribute": "tenant-id", "pii": "none"}}

    assert table_for(a_contract(metadata=metadata, cluster=["tenant"]), "p", "d").clustering_fields == ["tenant"]
