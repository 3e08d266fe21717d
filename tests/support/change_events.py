"""Debezium's change events of a table of orders, in the shapes that its documentation describes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from headrace.core.message import Message
from headrace.schemas.envelope import SchemaRef, to_micros
from headrace.schemas.registry import Contract, parse_contract
from tests.support.builders import MOMENT, a_decimal, a_field, declared_free

CHANGED_AT = to_micros(MOMENT)
PUBLISHED = CHANGED_AT + 7_000_000
LOCAL = {"type": "long", "logicalType": "local-timestamp-micros"}
LOCAL_MILLIS = {"type": "long", "logicalType": "local-timestamp-millis"}
INSTANT = {"type": "long", "logicalType": "timestamp-micros"}
DATE = {"type": "int", "logicalType": "date"}
COLUMNS: list[Any] = [
    ("order_id", "long"),
    ("customer", ["null", "string"]),
    ("total", ["null", a_decimal(20, 2)]),
    ("placed_at", ["null", LOCAL]),
    ("due_at", ["null", LOCAL_MILLIS]),
    ("paid_at", ["null", INSTANT]),
    ("due_on", ["null", DATE]),
    ("document", ["null", "bytes"]),
]


def in_base64(unscaled: int) -> str:
    """A decimal as Kafka Connect's JSON converter writes it."""
    complement = unscaled.to_bytes((unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1, "big", signed=True)
    return base64.b64encode(complement).decode()


def an_order(order_id: int = 1001, **changes: Any) -> dict[str, Any]:
    """A row as Debezium writes it in JSON by default."""
    return {
        "order_id": order_id,
        "customer": "ada@example.com",
        "total": in_base64(72882065926867991269),
        "placed_at": 1700000000123456,
        "due_at": 1700000000123,
        "paid_at": "2023-11-14T22:13:20.123456Z",
        "due_on": 19675,
        "document": "+/8=",
    } | changes


def of_postgresql(lsn: int | None = 24023128, **changes: Any) -> dict[str, Any]:
    """What the connector of PostgreSQL says of a change."""
    return {
        "version": "3.0.0.Final",
        "connector": "postgresql",
        "name": "shop",
        "ts_ms": CHANGED_AT // 1000,
        "snapshot": "false",
        "db": "shop",
        "sequence": '["24023119","24023128"]',
        "ts_us": CHANGED_AT,
        "ts_ns": CHANGED_AT * 1000,
        "schema": "public",
        "table": "orders",
        "txId": 555,
        "lsn": lsn,
        "xmin": None,
    } | changes


def of_mysql(pos: int = 484, file: str = "mysql-bin.000003", row: int = 0, **changes: Any) -> dict[str, Any]:
    """What the connector of MySQL says of a change; older connectors write milliseconds alone."""
    return {
        "version": "2.4.0.Final",
        "connector": "mysql",
        "name": "shop",
        "ts_ms": CHANGED_AT // 1000,
        "snapshot": "false",
        "db": "shop",
        "sequence": None,
        "table": "orders",
        "server_id": 223344,
        "gtid": None,
        "file": file,
        "pos": pos,
        "row": row,
        "thread": 7,
        "query": None,
    } | changes


def a_change(
    op: str | None = "c",
    *,
    before: Any = None,
    after: Any = None,
    source: Mapping[str, Any] | None = None,
    schema: bool = False,
    **changes: Any,
) -> bytes:
    """A change event in JSON, with its *schema* around it or without; of a new row unless something else is given."""
    if after is None and before is None and op in ("c", "r", "u"):
        after = an_order()
    event = {
        "before": before,
        "after": after,
        "source": of_postgresql() if source is None else source,
        "transaction": None,
        "op": op,
        "ts_ms": CHANGED_AT // 1000 + 40,
    } | changes
    whole = {"schema": {"type": "struct", "name": "shop.public.orders.Envelope"}, "payload": event} if schema else event
    return json.dumps(whole, separators=(",", ":")).encode()


def changes_contract(*fields: Any, **annotations: Any) -> Contract:
    """A contract of the change events of orders."""
    return parse_contract(SchemaRef("order_changed", 1), changes_json(*fields, **annotations))


def changes_json(*fields: Any, **annotations: Any) -> str:
    """The text of such a contract; ``envelope`` adds to the settings of its envelope."""
    envelope = {"kind": "debezium", "key": ["order_id"], **annotations.pop("envelope", {})}
    headrace = {
        "table": "orders",
        "event_time": {"attribute": "debezium-time"},
        "late_after": "1825d",
        "ahead_at_most": "10m",
        "encoding": "json",
        "json": {"convention": "debezium"},
        "envelope": {name: value for name, value in envelope.items() if value is not None},
    } | annotations
    listed = [a_field(field) for field in fields or COLUMNS]
    headrace = declared_free(headrace, listed)
    return json.dumps({"type": "record", "name": "Order", "headrace": headrace, "fields": listed})


def a_message(data: bytes, attributes: Mapping[str, str] | None = None, message_id: str = "m-1") -> Message:
    """A message as Debezium Server publishes it."""
    key = '{"order_id":1001}'
    return Message("order_changed", data, attributes or {}, message_id, PUBLISHED, key)
