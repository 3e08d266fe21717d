"""One load, one transaction, on the BigQuery emulator: written once, and not at all when another load was first."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.staging import Load, Staging
from headrace.bigquery.existing_rows import StoredRows
from headrace.bigquery.service_tables import tallies_table
from headrace.core.tally import COUNTS, Tally
from headrace.runtime.google_clients import open_bigquery
from headrace.steps.tally_lines import tally_lines

pytestmark = pytest.mark.emulators
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
COLUMNS = [bigquery.SchemaField("_event_id", "STRING"), bigquery.SchemaField("_event_time", "TIMESTAMP")]


class Place:
    """A table, its tallies, and a folder that the emulator takes for a bucket."""

    def __init__(self, project: str, objects: Path) -> None:
        self.client = open_bigquery(project)
        for name in ("events", "loads"):
            self.client.create_dataset(f"{project}.{name}")
        self.table = self.client.create_table(bigquery.Table(f"{project}.events.flights", COLUMNS))
        tallies = self.client.create_table(tallies_table(project, "events"))
        self.staging = Staging(self.client, "loads", self.table, tallies)
        self.folder = objects / f"staging-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir(parents=True)

    def a_load(self, *ids: str) -> Load:
        name = uuid.uuid4().hex[:10]
        times = [NOON + timedelta(seconds=place) for place in range(len(ids))]
        rows = pa.table({"_event_id": ids, "_event_time": pa.array(times, pa.timestamp("us", "UTC"))})
        pq.write_table(rows, self.folder / f"{name}.parquet")
        count = {"subject": "flight_departed", "outcome": "written", "window_start": 0, "events": len(ids)}
        counts = pa.RecordBatch.from_pylist([{**count, "reason": None, "id_hash": 0, "content_hash": 0}], COUNTS)
        lines = tally_lines(Tally(counts), 0, lambda: f"{name}-0")
        return Load(name, [f"gs://{self.folder.name}/{name}.parquet"], (min(times), max(times)), lines)

    def stored(self) -> tuple[list[str], int]:
        """Ids of rows, and the events that were counted."""
        dataset = f"{self.table.project}.events"
        ids = self._ask(f"SELECT _event_id AS value FROM `{dataset}.flights` ORDER BY value")
        counted = self._ask(
            f"SELECT events AS value FROM `{dataset}.headrace_tallies` WHERE tallied_at >= TIMESTAMP '0001-01-01'"
        )
        return ids, sum(counted)

    def _ask(self, query: str) -> list[Any]:
        return [row["value"] for row in self.client.query_and_wait(query)]


@pytest.fixture
def place(project: str, objects: Path) -> Place:
    return Place(project, objects)


def test_a_load_is_written_once_however_often_and_by_how_many_it_is_asked_for(place: Place) -> None:
    load = place.a_load("a", "b", "c")

    def write() -> None:
        with suppress(BackfillError):  # one that comes late may find its tables dropped: it would be run again
            place.staging.write(load)

    threads = [Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    place.staging.write(load)
    assert place.stored() == (["a", "b", "c"], 3)
    assert list(place.client.list_tables(f"{place.table.project}.loads")) == []


def test_a_load_is_undone_when_another_program_has_written_its_events_meanwhile(place: Place) -> None:
    place.staging.write(place.a_load("b"))
    with pytest.raises(
        BackfillError,
        match="another program has written events of these files meanwhile, and this load wrote nothing; run it again",
    ):
        place.staging.write(place.a_load("a", "b", "c"))
    assert place.stored() == (["b"], 1)


def test_counts_without_rows_are_written_too(place: Place) -> None:
    load = place.a_load("a")
    place.staging.write(Load(load.name, [], None, load.tallies))
    assert place.stored() == ([], 1)


def test_a_missing_dataset_is_reported_with_the_remedy(place: Place) -> None:
    place.client.delete_dataset(f"{place.table.project}.loads")
    with pytest.raises(BackfillError, match=r"\.flights: .* did not write the load .* `headrace provision` makes"):
        place.staging.write(place.a_load("a"))


def test_an_id_is_found_on_its_day_at_any_time_of_day(place: Place) -> None:
    place.staging.write(place.a_load("a"))
    stored = StoredRows(place.client, f"`{place.table}`")
    evening, next_day = NOON + timedelta(hours=9), NOON + timedelta(days=1)
    moments = pa.array([evening, NOON, next_day], pa.timestamp("us", "UTC"))
    rows = pa.RecordBatch.from_pydict({"_event_id": ["a", "a", "b"], "_event_time": moments})
    assert stored.compare(rows.slice(0, 1)) == {0: False}
    assert stored.compare(rows.slice(1, 1)) == {0: True}
    assert stored.compare(rows.slice(2, 1)) == {}
