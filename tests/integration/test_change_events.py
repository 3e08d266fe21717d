"""Debezium's change events, end to end: the rows, the view with the latest state, letters, and what is sent again."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from headrace.audit.reconcile import count_subjects
from headrace.core.plan_refusals import ProvisionError
from headrace.dead_letters.filters import Filter
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Registry, parse_contract
from tests.integration.test_replay import Office
from tests.support.change_events import COLUMNS, a_change, an_order, changes_json, in_base64, of_mysql, of_postgresql
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
NOW = now_micros() - timedelta(minutes=5) // timedelta(microseconds=1)


def orders(**annotations: Any) -> Registry:
    ref = SchemaRef("order_changed", 1)
    return Registry({ref: parse_contract(ref, changes_json(**annotations))})


def published(office: Office, *changes: bytes) -> None:
    office.service.publish("order_changed", [(each, {"from": "debezium"}) for each in changes])


def latest(office: Office) -> dict[int, Any]:
    rows = office.service.rows("orders_latest", "order_id, total, customer, _op")
    return {row["order_id"]: (row["total"], row["customer"], row["_op"]) for row in rows}


def test_the_view_has_the_latest_state_of_each_row(project: str, tmp_path: Path) -> None:
    office = Office(project, tmp_path, orders(envelope={"drop": ["t", "m"], "empty": "drop"}))
    lsn = count(1000)

    def change(op: str, order_id: int, cents: int = 0, at: int | None = None, later: int = 0) -> bytes:
        source = of_postgresql(next(lsn) if at is None else at, ts_us=NOW + later, ts_ms=None)
        row = an_order(order_id, total=in_base64(cents))
        return a_change(
            op, **({"before": row} if op == "d" else {"after": row}), source=source, schema=order_id % 2 > 0
        )

    changes = [
        change("r", 1, 100, at=500, later=60_000_000),  # a snapshot that ended after the update below
        change("u", 1, 150),
        change("c", 2, 200),
        change("u", 2, 250),
        change("d", 2),
        change("c", 3, 300),
        change("d", 3),
        change("c", 3, 333),
        change("c", 4, 400, at=700),  # the statement changes two rows
        change("c", 5, 500, at=700),
    ]
    published(office, *reversed(changes), *changes[:4], a_change("t"), b"", b"{}")

    office.ingest(len(changes) + 7, letters=1)

    assert latest(office) == {
        1: (Decimal("1.50"), "ada@example.com", "u"),
        3: (Decimal("3.33"), "ada@example.com", "c"),
        4: (Decimal("4.00"), "ada@example.com", "c"),
        5: (Decimal("5.00"), "ada@example.com", "c"),
    }
    (counts,) = count_subjects(office.registry, office.service.names, open_bigquery(project))
    assert (counts.received, counts.written, counts.duplicates, counts.dropped) == (17, 10, 4, 2)
    assert counts.differences == []
    (letter,) = office.reader.find(Filter(), 10)
    assert letter.reason == "malformed_envelope"


def test_a_view_of_masked_rows_has_tokens_in_place_of_keys(project: str, tmp_path: Path) -> None:
    fields: list[Any] = [{"name": name, "type": type_, "pii": "none"} for name, type_ in COLUMNS]
    for each in fields[:2]:
        each["pii"] = {"kind": "customer", "mask": "tokenise"}
    ref = SchemaRef("order_changed", 1)
    text = changes_json(*fields, envelope={"id": "message_id", "before": "row"}, require_partition_filter=True)
    office = Office(project, tmp_path, Registry({ref: parse_contract(ref, text)}))
    source: dict[str, Any] = {"ts_ms": NOW // 1000}
    changes = [
        a_change("c", after=an_order(7), source=of_mysql(4, **source)),
        a_change("u", after=an_order(7, due_on=3), source=of_mysql(90, **source)),
        a_change("u", after=an_order(8), source=of_mysql(4, "mysql-bin.000004", **source)),
        a_change("d", before=an_order(8), source=of_mysql(5, "mysql-bin.000004", **source)),
    ]
    published(office, *changes)

    office.ingest(4)

    (row,) = office.service.rows("orders_latest", "order_id, customer, due_on")
    assert (row["order_id"][:3], row["customer"][:3]) == ("t1_", "t1_")
    assert row["due_on"].isoformat() == "1970-01-04"


def test_the_view_follows_the_contract_and_is_made_once(project: str) -> None:
    service = a_service(project, orders())
    client = open_bigquery(project)
    view = client.get_table(f"{project}.headrace.orders_latest")

    assert (view.table_type, service.provision()) == ("VIEW", 0)
    assert view.description == "The latest state of each row of orders, without deleted rows"
    more = orders(metadata={"_message_id": {"pii": "none"}})
    changed = Service(more, service.settings)
    assert changed.provision() == 2
    assert "_message_id" in client.get_table(view.reference).view_query
    assert changed.provision() == 0


def test_a_table_in_the_place_of_the_view_is_left_alone(project: str) -> None:
    service = a_service(project)
    table = bigquery.Table(f"{project}.headrace.orders_latest", [bigquery.SchemaField("x", "INT64")])
    open_bigquery(project).create_table(table)

    with pytest.raises(ProvisionError, match="a table has the name of the view; rename it"):
        Service(orders(), service.settings).provision()


def test_an_edited_letter_keeps_the_id_and_the_operation_of_its_change(project: str, tmp_path: Path) -> None:
    office = Office(project, tmp_path, orders())
    right = a_change("u", source=of_postgresql(ts_us=NOW))
    event = json.loads(right)
    event["after"]["due_on"] = "2026-11-20"
    published(office, json.dumps(event).encode())
    office.ingest(1, letters=1)

    office.edit(office.only(), None, {"order_id": 1001, "due_on": "2023-11-14"})
    assert office.replay().sent == 1
    office.ingest(1)
    (edited,) = office.service.rows("orders_latest", "_event_id, _op, _op_position, due_on")

    assert (edited["_op"], edited["_op_position"]) == ("u", "00000000000024023128")
    (tmp_path / "other").mkdir()
    other = Office(f"{project}-2", tmp_path / "other", orders())
    published(other, right)
    other.ingest(1)
    assert [row["_event_id"] for row in other.service.rows("orders", "_event_id")] == [edited["_event_id"]]
