"""Transformations from end to end: what both engines write is what DuckDB computes from the raw events."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from google.cloud import bigquery

from headrace.audit.reconcile import SubjectAudit, audit, count_subjects
from headrace.audit.scope import Scope
from headrace.core.dead_letter import PREFIX
from headrace.core.plan_refusals import ProvisionError
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.registry import Contract, Registry, parse_contract
from tests.integration.test_beam_job import run_until
from tests.integration.test_crash import redeliver_soon
from tests.integration.test_replay import Office
from tests.integration.test_service import a_message
from tests.support.builders import FLIGHT, a_flight
from tests.support.functions import installed
from tests.support.jobs import a_key, a_running_job, wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
COLUMNS = ["flight", "tail_number", "delayed", "speed", "day", "note"]
FILTER_AND_COLUMNS: dict[str, Any] = {
    "where": "NOT cancelled",
    "derived": [
        {"name": "delayed", "type": "boolean", "expression": "departure_delay_minutes > 15"},
        {"name": "speed", "type": "double", "expression": "SAFE_DIVIDE(distance_miles * 60, air_time_minutes)"},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}, "expression": "DATE(scheduled_at)"},
        {"name": "note", "type": "string"},
    ],
    "function": "annotate",
}
ROLLUP: dict[str, Any] = {
    "name": "flights_daily",
    "doc": "Delays by day and carrier",
    "by": {"day_start": "TIMESTAMP_TRUNC(_event_time, DAY)", "carrier": "carrier"},
    "measures": {
        "flights": "COUNT(*)",
        "delayed_flights": "COUNTIF(delayed)",
        "miles": "SUM(distance_miles)",
        "worst": "MAX(departure_delay_minutes)",
        "mean": "AVG(departure_delay_minutes)",
    },
}


def transformed(**annotations: Any) -> Contract:
    avro = json.loads(FLIGHT.json)
    avro["headrace"] |= annotations
    return parse_contract(FLIGHT.ref, json.dumps(avro))


CONTRACT = transformed(**FILTER_AND_COLUMNS, rollups=[ROLLUP])
REGISTRY = Registry({CONTRACT.ref: CONTRACT})


def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Fill a column, change another, and fail on some rows."""
    if pc.any(pc.equal(batch.column("tail_number"), "BAD")).as_py():
        raise ValueError
    return repaired(batch)


def repaired(batch: pa.RecordBatch) -> pa.RecordBatch:
    note = pc.binary_join_element_wise(batch.column("origin"), batch.column("destination"), "-")
    changes = {"note": note, "tail_number": pc.utf8_lower(batch.column("tail_number"))}
    columns = [changes.get(name, batch.column(name)) for name in batch.schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def some_flights(count: int, seed: int = 7) -> list[dict[str, Any]]:
    chance, start = random.Random(seed), datetime.now(UTC).replace(microsecond=0) - timedelta(days=4)
    flights = []
    for number in range(count):
        cancelled = chance.random() < 0.2
        minutes = None if cancelled else chance.randrange(-20, 90)
        flights.append(
            a_flight(
                flight=number,
                carrier=chance.choice(["UA", "AA", "DL"]),
                tail_number=None if chance.random() < 0.1 else "BAD" if chance.random() < 0.1 else f"N{number}",
                scheduled_at=start + timedelta(minutes=17 * number),
                departure_delay_minutes=minutes,
                air_time_minutes=chance.choice([None, 0, 90, 227]),
                cancelled=cancelled,
            )
        )
    return flights


def as_messages(flights: Sequence[Mapping[str, Any]]) -> list[tuple[bytes, dict[str, str]]]:
    return [a_message(FLIGHT, dict(flight), f"flight-{flight['flight']}") for flight in flights]


def by_duckdb(flights: Sequence[Mapping[str, Any]], sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("raw", pa.Table.from_pylist([dict(each) for each in flights]))
        return connection.sql(sql).fetchall()


TABLE_BY_DUCKDB = """
    SELECT flight, LOWER(tail_number), departure_delay_minutes > 15,
        CASE WHEN air_time_minutes != 0 THEN distance_miles * 60 / air_time_minutes END,
        CAST(scheduled_at AT TIME ZONE 'UTC' AS DATE), origin || '-' || destination
    FROM raw WHERE NOT cancelled {more} ORDER BY flight
"""
NOT_BAD = "AND tail_number IS DISTINCT FROM 'BAD'"
ROLLUP_BY_DUCKDB = """
    SELECT epoch_us(DATE_TRUNC('day', scheduled_at)), carrier, COUNT(*),
        COUNT(*) FILTER (departure_delay_minutes > 15), SUM(distance_miles), MAX(departure_delay_minutes),
        AVG(departure_delay_minutes)
    FROM raw WHERE NOT cancelled GROUP BY ALL ORDER BY 1, 2
"""


def table(service: Service) -> list[tuple[Any, ...]]:
    rows = service.rows("flights", ", ".join(COLUMNS))
    return sorted((tuple(row[name] for name in COLUMNS) for row in rows), key=lambda row: row[0])


def rolled_up(service: Service) -> list[tuple[Any, ...]]:
    rows = service.rows("flights_daily")
    found = [tuple(row.values()) for row in rows]
    return sorted((round(row[0].timestamp() * 1_000_000), *row[1:]) for row in found)


def counts(service: Service) -> SubjectAudit:
    (found,) = count_subjects(service.registry, service.names, open_bigquery(service.settings.project))
    return found


def reconciled(service: Service, **wanted: Any) -> None:
    """Counts are as given, and tallies and table agree, in contents too."""
    scope = Scope(now=now_micros(), window=timedelta(minutes=1), grace=timedelta(0), contents=True)
    (found,) = audit(service.registry, service.names, open_bigquery(service.settings.project), scope)
    assert found.differences == []
    assert {name: getattr(found, name) for name in wanted} == wanted


def test_filter_columns_and_rollup_match_duckdb_and_letters_pass_once_the_function_is_repaired(
    project: str, tmp_path: Path
) -> None:
    office = Office(project, tmp_path, registry=REGISTRY)
    service = office.service
    flights = some_flights(300)
    dropped = sum(each["cancelled"] for each in flights)
    bad = [each for each in flights if each["tail_number"] == "BAD" and not each["cancelled"]]
    assert dropped
    assert bad
    service.publish("flight_departed", [*as_messages(flights), *as_messages(flights[:40])])
    again = sum(not each["cancelled"] for each in flights[:40] if each not in bad)
    dropped_again = sum(each["cancelled"] for each in flights[:40])
    bad_again = 40 - again - dropped_again

    with installed(annotate=annotate):
        office.ingest(340, letters=len(bad) + bad_again, registry=REGISTRY)

    assert table(service) == by_duckdb(flights, TABLE_BY_DUCKDB.format(more=NOT_BAD))
    reconciled(
        service,
        received=340,
        written=300 - dropped - len(bad),
        duplicates=again,
        dropped=dropped + dropped_again,
        dead_lettered={"transform_failed": len(bad) + bad_again},
    )

    office.replay()
    with installed(annotate=repaired):
        office.ingest(len(bad) + bad_again, registry=REGISTRY)

    assert table(service) == by_duckdb(flights, TABLE_BY_DUCKDB.format(more=""))
    assert rolled_up(service) == [pytest.approx(row) for row in by_duckdb(flights, ROLLUP_BY_DUCKDB)]
    reconciled(service, written=300 - dropped, duplicates=again + bad_again)
    assert service.provision() == 0


def test_the_beam_job_writes_and_counts_the_same(project: str) -> None:
    service = a_service(project, REGISTRY)
    flights = some_flights(200, seed=11)
    dropped = sum(each["cancelled"] for each in flights)
    bad = sum(each["tail_number"] == "BAD" and not each["cancelled"] for each in flights)
    service.publish("flight_departed", as_messages(flights))

    with installed(annotate=annotate):
        run_until(service, acknowledged=200)

    assert table(service) == by_duckdb(flights, TABLE_BY_DUCKDB.format(more=NOT_BAD))
    assert {each.attributes[f"{PREFIX}reason"] for each in service.dead_letters(bad)} == {"transform_failed"}
    reconciled(
        service,
        received=200,
        written=200 - dropped - bad,
        dropped=dropped,
        dead_lettered={"transform_failed": bad},
    )


def test_a_kill_between_commit_and_acknowledgement_counts_what_was_dropped_once(project: str, tmp_path: Path) -> None:
    contract = transformed(where="NOT cancelled")
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "flight_departed.v1.avsc").write_text(contract.json)
    service, key = a_service(project, Registry({contract.ref: contract})), a_key(tmp_path)
    redeliver_soon(service)
    flights = some_flights(120)
    dropped = sum(each["cancelled"] for each in flights)
    service.publish("flight_departed", as_messages(flights))

    with a_running_job(project, key, contracts=str(folder), crash_at="outcome_committed:1") as job:
        assert job.wait(60) == -signal.SIGKILL
    with a_running_job(project, key, contracts=str(folder)) as job:
        wait_for(lambda: counts(service).written + counts(service).dropped == 120, 60)
        job.send_signal(signal.SIGTERM)
        assert job.wait(60) == 0

    reconciled(service, received=120, written=120 - dropped, dropped=dropped)


def test_a_rollup_is_made_once_and_replaced_when_it_computes_something_else(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = a_service(project, REGISTRY)
    client = open_bigquery(project)

    made = client.get_table(f"{project}.headrace.flights_daily")
    assert made.table_type == "MATERIALIZED_VIEW"
    assert made.description == "Delays by day and carrier"
    assert service.provision() == 0

    other = transformed(**FILTER_AND_COLUMNS, rollups=[ROLLUP | {"measures": {"flights": "COUNT(*)"}}])
    changed = Service(Registry({other.ref: other}), service.settings)
    deleted: list[object] = []
    monkeypatch.setattr(bigquery.Client, "delete_table", lambda *arguments, **_: deleted.append(arguments))
    assert changed.provision() == 1
    assert not deleted, "readers find the former one until the new one is there"
    assert [each.name for each in client.get_table(made.reference).schema] == ["day_start", "carrier", "flights"]
    assert changed.provision() == 0


def test_a_table_in_the_place_of_a_rollup_is_left_alone(project: str) -> None:
    plain = Registry({FLIGHT.ref: FLIGHT})
    service = a_service(project, plain)
    open_bigquery(project).create_table(
        bigquery.Table(f"{project}.headrace.flights_daily", [bigquery.SchemaField("x", "INT64")])
    )

    with pytest.raises(ProvisionError, match="rename the rollup"):
        Service(REGISTRY, service.settings).provision()
