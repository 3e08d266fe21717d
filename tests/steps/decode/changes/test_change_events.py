"""Debezium's change events, from the message to the row: values, operations, positions and ids; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.schemas.columns import compiled_module
from headrace.schemas.envelope import Envelope
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.changes import envelope as change_envelope
from headrace.steps.decode.decode_messages import DecodedMessages, Decoder, decode
from tests.support.builders import MOMENT, encode
from tests.support.change_events import (
    PUBLISHED,
    a_change,
    a_message,
    an_order,
    changes_contract,
    in_base64,
    of_mysql,
    of_postgresql,
)
from tests.support.strategies import FIXED_PROFILE

ROW: dict[str, Any] = {"envelope": {"before": "row"}}
KEY_ALONE = {"order_id": 1001}


@pytest.fixture(params=["compiled", "fallback"], autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "fallback":
        monkeypatch.setenv("HEADRACE_PURE", "1")
    elif compiled_module() is None:
        pytest.skip("no C compiler when headrace was built")
    change_envelope._reader.cache_clear()
    yield
    change_envelope._reader.cache_clear()


def read(messages: list[Message], *contracts: Contract) -> DecodedMessages:
    registry = Registry({each.ref: each for each in contracts})
    return decode(messages, Decoder(registry, contracts[-1].subject), PUBLISHED)


def row(data: bytes, *contracts: Contract, attributes: dict[str, str] | None = None) -> dict[str, Any]:
    decoded = read([a_message(data, attributes)], *contracts or [changes_contract()])
    assert decoded.refusals == []
    assert decoded.batch is not None
    found: dict[str, Any] = decoded.batch.rows.to_pylist()[0]
    return found


def refusal(data: bytes, *contracts: Contract) -> tuple[Reason, str]:
    decoded = read([a_message(data)], *contracts or [changes_contract()])
    assert decoded.batch is None
    (found,) = decoded.refusals
    return found.reason, found.detail


# rows


@pytest.mark.parametrize("schema", [True, False])
@pytest.mark.parametrize("op", ["c", "r", "u"])
def test_the_row_after_a_change_is_read_exactly(op: str, schema: bool) -> None:
    found = row(a_change(op, after=an_order(), schema=schema))

    assert {name: value for name, value in found.items() if not name.startswith("_")} == {
        "order_id": 1001,
        "customer": "ada@example.com",
        "total": Decimal("728820659268679912.69"),
        "placed_at": datetime(2023, 11, 14, 22, 13, 20, 123456),
        "due_at": datetime(2023, 11, 14, 22, 13, 20, 123000),
        "paid_at": datetime(2023, 11, 14, 22, 13, 20, 123456, UTC),
        "due_on": date(2023, 11, 14),
        "document": b"\xfb\xff",
    }


def test_a_row_says_what_changed_it_and_when_and_where() -> None:
    found = row(a_change("u"))

    assert (found["_op"], found["_op_at"], found["_op_position"]) == ("u", MOMENT, "00000000000024023128")
    assert (found["_event_time"], found["_source"]) == (MOMENT, "shop.public.orders")


def test_an_update_is_read_whatever_its_row_before_holds() -> None:
    found = row(a_change("u", before={"order_id": None, "customer": 5, "gone": []}, after=an_order()))

    assert found["customer"] == "ada@example.com"


def test_the_schema_in_a_message_is_not_trusted() -> None:
    event = json.loads(a_change("c"))
    event = {"schema": {"type": "struct", "fields": [{"field": "after", "type": "int64"}]}, "payload": event}

    assert row(json.dumps(event).encode())["order_id"] == 1001


def test_a_deletion_has_the_key_and_nothing_that_the_connector_makes_up() -> None:
    made_up = an_order(customer="", total=in_base64(0))

    for before in (KEY_ALONE, made_up, {"order_id": 1001, "customer": [1], "unknown": 2}):
        found = row(a_change("d", before=before))

        values = {name: value for name, value in found.items() if not name.startswith("_") and value is not None}
        assert (values, found["_op"]) == (KEY_ALONE, "d")


def test_a_deletion_has_the_whole_row_where_the_contract_says_so() -> None:
    found = row(a_change("d", before=an_order(), schema=True), changes_contract(**ROW))

    assert (found["total"], found["customer"]) == (Decimal("728820659268679912.69"), "ada@example.com")


def test_an_incomplete_row_of_a_deletion_is_refused_with_the_remedy() -> None:
    contract = changes_contract(("order_id", "long"), ("customer", "string"), **ROW)

    for before, why in (
        ({"order_id": 1, "customer": None}, "before.customer: null, and the field is not optional at byte 35"),
        ({"order_id": 1}, "before.customer: absent, and it has no default at byte 10"),
    ):
        reason, detail = refusal(a_change("d", before=before), contract)

        assert reason is Reason.UNDECODABLE_PAYLOAD
        assert detail.startswith(why)
        assert "REPLICA IDENTITY FULL" in detail


def test_a_fault_names_the_field_and_the_byte_of_the_message() -> None:
    data = a_change("c", after=an_order(total=12.5), schema=True)

    reason, detail = refusal(data)

    assert reason is Reason.UNDECODABLE_PAYLOAD
    assert detail.startswith(
        f"payload.after.total: a number where the contract has base64 at byte {data.index(b'12.5')}; "
    )


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (a_change("c", after={"order_id": 1, "surprise": 2}), "after: a key that the contract does not have at byte"),
        (a_change("c", before=KEY_ALONE), "after: no row, and the change is no deletion; send the whole event"),
        (a_change("d"), "before: no row, and the change is a deletion; give the table a primary key, or set REPLICA"),
        (a_change("d", after=an_order()), "before: no row, and the change is a deletion"),
        (a_change("d", before={"customer": "x"}), "before.order_id: absent, and it has no default at byte 10"),
        (a_change("d", before={"order_id": None}), "before.order_id: null, and the field is not optional"),
        (b"", "an empty payload"),
        (b"null", "null, and the field is not optional"),
        (b"[]", "an array where the contract has an object"),
        (b'{"op":5}', "op: a number where the contract has a text"),
        (a_change("c") + b"x", "1 bytes follow the JSON object"),
    ],
)
def test_a_change_that_cannot_be_read_is_refused(data: bytes, detail: str) -> None:
    reason, found = refusal(data)

    assert reason is Reason.UNDECODABLE_PAYLOAD
    assert found.startswith(detail)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"customer": "__debezium_unavailable_value"}, "customer"),
        ({"document": "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="}, "document"),
        ({"tags": ["__debezium_unavailable_value"]}, "tags"),
        ({"counts": list(b"__debezium_unavailable_value")}, "counts"),
    ],
)
def test_a_placeholder_of_an_unchanged_value_never_becomes_one(value: dict[str, Any], field: str) -> None:
    lists = [
        (name, ["null", {"type": "array", "items": items}]) for name, items in (("tags", "string"), ("counts", "int"))
    ]
    texts = [("customer", ["null", "string"]), ("document", ["null", "bytes"])]
    contract = changes_contract(("order_id", "long"), *texts, *lists)
    empty = {"order_id": 1, "customer": None, "document": None, "tags": None, "counts": None}

    reason, detail = refusal(a_change("u", after=empty | value), contract)

    assert reason is Reason.UNDECODABLE_PAYLOAD
    assert detail.startswith(
        f"{field}: a placeholder of Debezium for a value that did not change; set REPLICA IDENTITY"
    )
    longer = {"customer": "see __debezium_unavailable_value in the manual"}
    assert row(a_change("u", after=empty | longer), contract)["customer"] == longer["customer"]


# operations without a row


@pytest.mark.parametrize(
    ("op", "detail"),
    [
        ("t", 'op is t, which empties the whole table; state drop = ["t"] to leave it out'),
        ("m", 'op is m, a message of the log, without a row; state drop = ["m"] to leave it out'),
        ("x", "op is not one of c, r, u, d, t, m"),
        (None, "op is missing; send whole change events, without the transformation ExtractNewRecordState"),
    ],
)
def test_an_operation_without_a_row_is_refused(op: str | None, detail: str) -> None:
    assert refusal(a_change(op, source=of_postgresql())) == (Reason.MALFORMED_ENVELOPE, detail)


def test_operations_without_a_row_and_tombstones_are_left_out_where_the_contract_says_so() -> None:
    contract = changes_contract(envelope={"drop": ["t", "m"], "empty": "drop"})
    rows = [a_change("c", after=an_order(customer='"op":"t"')), a_change("x", note={"op": "t"})]
    messages = [*map(a_message, (a_change("t"), a_change("m", schema=True), b"", *rows))]

    decoded = read(messages, contract)

    assert set(decoded.dropped) == {0, 1, 2}
    assert [each.index for each in decoded.refusals] == [4]
    assert decoded.batch is not None
    assert decoded.batch.rows.num_rows == 1


# positions


@pytest.mark.parametrize(
    ("source", "position"),
    [
        (of_postgresql(5), f"{5:020d}"),
        (of_mysql(484, row=2), "0000000003:00000000000000000484:0000000002"),
        (of_mysql(4, "bin.1000000", connector="mariadb"), "0001000000:00000000000000000004:0000000000"),
        (
            of_postgresql(
                None,
                connector="sqlserver",
                commit_lsn="0000002A:00000758:0005",
                change_lsn="0000002a:00000758:0003",
                event_serial_no="1",
            ),
            "0000002a:00000758:0005/0000002a:00000758:0003/0000000001",
        ),
    ],
)
def test_a_position_sorts_as_the_log_does(source: dict[str, Any], position: str) -> None:
    found = row(a_change("c", source=source))

    assert found["_op_position"] == position
    assert found["_op_at"] is not None


def test_positions_sort_across_the_files_of_a_log() -> None:
    sources = [of_mysql(900, "mysql-bin.999999"), of_mysql(4, "mysql-bin.1000000"), of_mysql(40, "mysql-bin.1000000")]

    found = [row(a_change("c", source=source))["_op_position"] for source in sources]

    assert found == sorted(found)


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (of_postgresql(None), "source.lsn is missing"),
        (of_postgresql(-1), "source.lsn is negative"),
        (of_postgresql(connector="mongodb"), "source.connector is not one of postgresql, mysql, mariadb, sqlserver"),
        (of_postgresql(connector=None), "source.connector is not one of postgresql, mysql, mariadb, sqlserver"),
        (of_postgresql(ts_ms=None, ts_us=None), "source.ts_ms is missing"),
        (of_postgresql(ts_us=2**62), "source.ts_ms is outside years 1 to 9999"),
        (of_postgresql(table=None), "source.table is missing or empty"),
        (of_mysql(file="bin"), "source.file does not end with a number"),
        (of_mysql(file=""), "source.file is empty"),
        (of_postgresql(connector="sqlserver", commit_lsn="5"), "source.commit_lsn is not a log sequence number"),
    ],
)
def test_a_change_without_its_position_is_refused(source: dict[str, Any], detail: str) -> None:
    assert refusal(a_change("c", source=source)) == (Reason.MALFORMED_ENVELOPE, detail)


def test_a_change_of_another_table_is_refused_where_the_contract_states_one() -> None:
    contract = changes_contract(envelope={"source_table": "public.orders"})

    assert row(a_change("c"), contract)["order_id"] == 1001
    assert refusal(a_change("c", source=of_postgresql(table="refunds")), contract) == (
        Reason.MALFORMED_ENVELOPE,
        "source.table is not the table that the contract states",
    )


# ids


def id_of(data: bytes) -> str:
    found: str = row(data)["_event_id"]
    return found


def test_a_change_that_the_connector_sends_again_has_the_same_id() -> None:
    again = a_change("c", schema=True, source=of_postgresql(ts_us=None, sequence=None, version="3.1"), ts_ms=9)

    assert id_of(again) == id_of(a_change("c"))
    sources = (of_mysql(ts_ms=1_700_000_000_000), of_mysql(ts_ms=1_700_000_000_123, thread=8))
    assert len({id_of(a_change("c", source=source)) for source in sources}) == 1


def test_another_change_has_another_id() -> None:
    changes = [
        a_change("c"),
        a_change("u"),
        a_change("d", before=an_order()),
        a_change("c", after=an_order(1002)),
        a_change("c", source=of_postgresql(24023129)),
        a_change("c", source=of_postgresql(name="other")),
        a_change("c", source=of_postgresql(table="other")),
        a_change("c", source=of_mysql()),
        a_change("c", source=of_mysql(485)),
        a_change("c", source=of_mysql(row=1)),
        a_change("c", source=of_mysql(server_id=2)),
        a_change("c", source=of_mysql(gtid="3e11fa47:7")),
        a_change("c", source=of_mysql(file="mysql-bin.000004")),
    ]

    assert len({id_of(each) for each in changes}) == len(changes)


def test_parts_of_a_position_never_run_into_each_other() -> None:
    one, two = of_postgresql(name="a:b", db="c"), of_postgresql(name="a", db="b:c")

    assert id_of(a_change("c", source=one)) != id_of(a_change("c", source=two))


def test_an_id_may_be_the_message_id() -> None:
    contract = changes_contract(envelope={"id": "message_id"})

    assert row(a_change("c"), contract)["_event_id"] == "m-1"


def test_an_event_in_headraces_own_envelope_has_no_operation() -> None:
    contract = changes_contract()
    envelope = Envelope("event-1", contract.ref, MOMENT, "/backfill").to_attributes()
    data = encode(contract, dict.fromkeys([each.name for each in contract.record.fields]) | {"order_id": 7})

    found = row(data, contract, attributes=envelope)
    assert (found["_event_id"], found["_op"], found["_op_at"], found["_op_position"]) == ("event-1", None, None, None)

    edited = envelope | {"debezium-op": "u", "debezium-time": "2026-03-14T15:09:26.535Z", "debezium-position": "9"}
    found = row(data, contract, attributes=edited)
    assert (found["_op"], found["_op_at"], found["_op_position"]) == ("u", MOMENT, "9")
    assert row(data, contract, attributes=envelope | {"debezium-time": "soon"})["_op_at"] is None


def test_attributes_of_a_message_do_not_speak_for_its_change() -> None:
    found = row(a_change("c"), attributes={"debezium-op": "d", "debezium-position": "x", "debezium-event": "y"})

    assert (found["_op"], found["_op_position"], found["_event_id"]) == (
        "c",
        "00000000000024023128",
        id_of(a_change("c")),
    )


# anything

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
PARTS = st.sampled_from(["schema", "payload", "before", "after", "op", "source", "ts_ms"])
CHANGES = st.builds(
    lambda whole, part, value: json.dumps(json.loads(whole) | {part: value}).encode(),
    st.sampled_from([a_change("c"), a_change("d", before=KEY_ALONE), a_change("u", schema=True), a_change("t")]),
    PARTS,
    VALUES | st.builds(lambda key, value: of_postgresql() | {key: value}, st.sampled_from([*of_mysql()]), VALUES),
)


@FIXED_PROFILE
@given(st.data())
def test_no_message_makes_the_reader_fail(data: st.DataObject) -> None:
    drawn = data.draw(CHANGES | st.binary(max_size=40))
    cut = data.draw(st.integers(0, len(drawn)))
    messages = [a_message(each) for each in (drawn, drawn[:cut], drawn[cut:], a_change("c"))]

    decoded = read(messages, changes_contract(envelope={"drop": ["t"], "empty": "drop"}))

    assert decoded.batch is not None
    assert decoded.batch.rows.num_rows + len(decoded.refusals) + len(decoded.dropped) == len(messages)
