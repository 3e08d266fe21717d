"""Shapes of schemas that exist, from the topic to the table: published, read back by SQL, compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from headrace.audit.reconcile import audit
from headrace.audit.scope import Scope
from headrace.producers import EventProducer, PubSubPublisher
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Registry
from tests.schemas.test_lint import a_map, array
from tests.support.builders import TIMESTAMP, a_record
from tests.support.service import a_service

pytestmark = pytest.mark.emulators

NONE = {"pii": "none"}
MONEY = {"namespace": "shop", **a_record("Money", ("cents", "long", NONE), ("currency", ["string"], NONE))}
FIRST = [
    ("at", TIMESTAMP, NONE),
    ("ID", "int", NONE),
    ("id", ["null", "int"], {"default": None, **NONE}),
    ("e-mail", "string", {"pii": {"kind": "email", "mask": "tokenise"}}),
    ("a.b", a_record("Nested", ("x$y", "string", NONE), ("gone", "null", NONE), ("tags", array(["string"]), NONE))),
    ("price", "shop.Money"),
    ("nothing", ["null"], NONE),
    ("labels", a_map(["long"]), NONE),
    ("took", {"type": "fixed", "name": "Took", "size": 12, "logicalType": "duration"}, NONE),
]
TAX = {"cents": 7, "currency": "EUR"}
SECOND = [*FIRST, ("tax", "shop.Money", {"default": TAX}), ("rates", array("double"), {"default": [0.5, 2], **NONE})]


def write_contracts(folder: Path) -> Registry:
    headrace = {"table": "things", "event_time": "at", "late_after": "30d", "ahead_at_most": "10m", "cluster": ["ID"]}
    for version, fields in ((1, FIRST), (2, SECOND)):
        avro = {**a_record("ThingHappened", *fields), "headrace": headrace, "namespace": "sales"}
        text = f"// version {version}\n{json.dumps(avro)}"
        (folder / f"thing_happened.v{version}.avsc").write_text(text)
    (folder / "Money.avsc").write_text(json.dumps(MONEY))
    return Registry.load(folder)


def test_what_a_producer_writes_by_its_own_schema_is_in_the_columns(project: str, tmp_path: Path) -> None:
    service = a_service(project, write_contracts(tmp_path))
    moment = datetime.now(UTC).replace(microsecond=123_000)
    event: dict[str, Any] = {
        "at": moment,
        "ID": 1,
        "id": 2,
        "e-mail": "someone@example.org",
        "a.b": {"x$y": "z", "tags": ["a", ""]},
        "price": {"cents": 500, "currency": "USD"},
        "labels": {"k": 3},
        "took": bytes(range(12)),
    }
    with EventProducer(PubSubPublisher(project), source="/shapes", contracts=service.registry) as producer:
        producer.publish("thing_happened", event | {"tax": {"cents": 8, "currency": "CHF"}}, event_id=f"{uuid4()}")
    older = Registry({each.ref: each for each in service.registry if each.ref == SchemaRef("thing_happened", 1)})
    with EventProducer(PubSubPublisher(project), source="/shapes", contracts=older) as producer:
        producer.publish("thing_happened", event, event_id=f"{uuid4()}")
    service.run_until(acknowledged=2)

    old, new = sorted(service.rows("things"), key=lambda row: int(row["_schema_version"]))

    for row, tax in ((old, TAX), (new, {"cents": 8, "currency": "CHF"})):
        nested = next(value for name, value in row.items() if name.startswith("a_b_"))
        email = next(value for name, value in row.items() if name.startswith("e_mail_"))
        assert (row["ID"], row["id_a5614527"], row["at"]) == (1, 2, moment)
        assert list(nested.values()) == ["z", ["a", ""]]
        assert email.startswith("t1_")
        assert (row["price"], row["tax"], row["rates"]) == ({"cents": 500, "currency": "USD"}, tax, [0.5, 2.0])
        assert (row["labels"], row["took"]) == ([{"key": "k", "value": 3}], bytes(range(12)))
        assert "nothing" not in row
    scope = Scope(now=now_micros(), window=timedelta(minutes=1), grace=timedelta(0), contents=True)
    (found,) = audit(service.registry, service.names, open_bigquery(project), scope)
    assert (found.written, found.rows, found.findings) == (2, 2, [])
