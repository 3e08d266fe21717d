"""Messages of other clients, end to end: rows beside native ones, letters, edits, replays and the audit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.audit.reconcile import count_subjects
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.replay_forecast import Forecast
from headrace.producers import EventProducer, PubSubPublisher
from headrace.runtime.google_clients import open_bigquery
from tests.integration.test_replay import Office
from tests.support.builders import MOMENT
from tests.support.foreign_orders import (
    CONFLUENT,
    SECRET,
    SUBJECT,
    a_datum,
    confluent_orders,
    framed,
    orders,
    write_contracts,
)

pytestmark = pytest.mark.emulators
Wire = tuple[bytes, dict[str, str]]


def a_kafka_message(offset: int, data: bytes) -> Wire:
    return data, {"kafka.topic": "orders", "kafka.partition": "0", "kafka.offset": str(offset)}


def rows(office: Office) -> Iterator[dict[str, Any]]:
    columns = "_event_id, _event_time, _source, _schema_version, code"
    yield from sorted(office.service.rows("orders", columns), key=lambda row: row["_event_id"])


def test_messages_of_other_clients_and_native_ones_are_rows_of_one_table(project: str, tmp_path: Path) -> None:
    office = Office(project, tmp_path, confluent_orders())
    foreign = [a_kafka_message(number, framed(a_datum(code=f"k-{number}"))) for number in range(30)]
    refused = [a_kafka_message(90, framed(a_datum(), 99)), a_kafka_message(91, a_datum()), (framed(a_datum()), {})]
    office.service.publish(SUBJECT, [*foreign, *foreign[:5], *refused])
    with EventProducer(PubSubPublisher(project), source="/shop", contracts=office.registry) as producer:
        for number in range(4):
            event = {"code": f"s-{number}", "email": "a@b.c", "at": MOMENT + timedelta(hours=1)}
            producer.publish(SUBJECT, event, event_id=f"s-{number}")

    office.ingest(42, letters=3)

    found = list(rows(office))
    assert [row["code"] for row in found if row["_source"] == "/shop"] == ["s-0", "s-1", "s-2", "s-3"]
    assert {row["_event_id"]: row["code"] for row in found if row["_source"] == "unknown"} == {
        f"orders:0:{number}": f"k-{number}" for number in range(30)
    }
    assert {row["_schema_version"] for row in found} == {1, 2}
    (counts,) = count_subjects(office.registry, office.service.names, open_bigquery(project))
    assert (counts.received, counts.written, counts.duplicates, counts.dead_lettered.total()) == (42, 34, 5, 3)
    assert counts.differences == []
    reasons = sorted(each.reason for each in office.reader.find(Filter(), 10))
    assert reasons == ["malformed_envelope", "undecodable_payload", "unknown_schema"]


def test_a_replay_and_an_edit_keep_the_id_of_the_first_message_and_its_publish_time(
    project: str, tmp_path: Path
) -> None:
    rules: dict[str, Any] = {
        "encoding": "confluent",
        "envelope": {"kind": "attributes", "id": "message_id"},
        "event_time": "publish_time",
    }
    before, after = (orders({1: {"schema_ids": ids}}, **rules) for ids in ([7], [7, 70]))
    office = Office(project, tmp_path, before)
    data = [framed(a_datum(code="A"), 70), framed(a_datum(code="B"), 71)]
    office.service.publish(SUBJECT, [(each, {}) for each in data])
    office.ingest(2, letters=2)
    letters = {each.current.data: each.current for each in office.reader.read(office.reader.ids(Filter()))}
    assert office.plan_replay().count(Forecast.FAILS) == 2

    office.registry, office.context = after, replace(office.context, registry=after)
    office.edit(letters[data[1]], {"code": "C"})
    assert office.replay().sent == 2
    office.ingest(2)

    found = list(rows(office))
    expected = sorted((letters[each].message_id, code) for each, code in zip(data, "AC", strict=True))
    assert [(row["_event_id"], row["code"]) for row in found] == expected
    assert {row["_event_time"] for row in found} == {each.published_at for each in letters.values()}
    office.check()


def test_a_letter_that_is_refused_again_still_knows_its_first_message(project: str, tmp_path: Path) -> None:
    registry = orders(
        {1: {"schema_ids": [7]}}, encoding="confluent", envelope={"kind": "attributes", "id": "message_id"}
    )
    office = Office(project, tmp_path, registry)
    office.service.publish(SUBJECT, [(framed(a_datum(), 8), {})])
    office.ingest(1, letters=1)
    first = office.only()

    assert office.replay(forecasts=tuple(Forecast)).sent == 1
    office.ingest(1, letters=1)

    again = office.only()
    assert (again.id, again.attempt) == (first.id, 2)
    assert again.message_id != first.message_id
    assert (again.first_message_id, again.replay.first_message_id) == (first.message_id, first.message_id)


def test_publish_and_backfill_write_native_messages_of_such_a_subject(project: str, tmp_path: Path) -> None:
    registry = orders({1: {"schema_ids": [7]}}, **CONFLUENT, identity=["code", "at"])
    office = Office(project, tmp_path, registry)
    contracts = str(write_contracts(tmp_path / "contracts", registry))
    lines = tmp_path / "orders.ndjson"
    lines.write_text('{"code": "p", "email": "a@b.c", "amount": 1, "at": "2026-03-14T15:09:26Z"}\n')
    history = tmp_path / "orders.csv"
    history.write_text("code,email,amount,at\np,a@b.c,1,2026-03-14T15:09:26Z\nh,a@b.c,2,2026-02-14T15:09:26Z\n")
    journal = str(tmp_path / "backfill")

    published = office.command("publish", SUBJECT, str(lines), HEADRACE_CONTRACTS=contracts)
    assert published.returncode == 0, published.stderr
    office.service.publish(SUBJECT, [a_kafka_message(1, framed(a_datum(code="k")))])
    office.ingest(2)
    filled = office.command("backfill", SUBJECT, str(history), "--journal", journal, HEADRACE_CONTRACTS=contracts)
    assert filled.returncode == 0, filled.stderr

    assert sorted((row["code"], row["_source"]) for row in rows(office)) == [
        ("h", "/backfill/orders.csv"),
        ("k", "unknown"),
        ("p", "/headrace/publish"),
    ]
    office.check()


def test_show_names_the_rule_and_the_setting_and_nothing_personal(project: str, tmp_path: Path) -> None:
    office = Office(project, tmp_path, confluent_orders())
    key = {"key": SECRET}
    office.service.publish(SUBJECT, [(framed(a_datum(), 99), a_kafka_message(17, b"")[1] | key), (a_datum(), key)])
    office.ingest(2, letters=2)
    contracts = str(write_contracts(tmp_path / "contracts", office.registry))
    shown = [
        office.command("dead-letters", "show", each, HEADRACE_CONTRACTS=contracts, COLUMNS="400")
        for each in office.reader.ids(Filter())
    ]
    assert [each.returncode for each in shown] == [0, 0], shown
    text = "".join(each.stdout for each in shown)
    for said in (
        "envelope attributes, a datum behind a header of 5 bytes",
        "no contract: the schema id is of no version here",
        'write "schema_ids": [99] in order_placed.v1, if that is the id of its schema',
        "kafka.topic is missing",
        "no contract; payload, byte 0: does not begin with the header that the contract states",
        'write "encoding": "datum" in the newest contract',
    ):
        assert said in text
    assert SECRET not in text
    assert "kafka.offset                  17" in text
