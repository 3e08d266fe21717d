"""Before a figure about exactly-once counts: does the emulator do with offsets what BigQuery does?"""

from __future__ import annotations

import itertools
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient

from headrace.dev import emulators
from headrace.dev.bigquery_environment import emulator_files, emulator_python
from headrace.runtime.google_clients import open_bigquery, open_write
from tests.faults.appending import a_connection, a_stream, append, append_request
from tests.faults.scripted_streams import a_client
from tests.faults.servers import a_bigquery

pytestmark = [pytest.mark.emulators, pytest.mark.faults, pytest.mark.faults_quick]
BIG = 300_000  # rows whose insert takes a while


class Table:
    """A table of one number a row."""

    def __init__(self, project: str, client: bigquery.Client, write: BigQueryWriteClient) -> None:
        self.name, self.write = f"projects/{project}/datasets/d/tables/things", write
        self._client, self._sql = client, f"`{project}.d.things`"
        client.create_dataset("d")
        client.create_table(bigquery.Table(f"{project}.d.things", [bigquery.SchemaField("value", "INT64")]))

    def values(self) -> list[int]:
        return [row["value"] for row in self._client.query_and_wait(f"SELECT value FROM {self._sql} ORDER BY value")]

    def count(self) -> int:
        (row,) = self._client.query_and_wait(f"SELECT COUNT(*) AS total FROM {self._sql}")
        return int(row["total"])

    def drop(self) -> None:
        self._client.delete_table(self._sql.strip("`"))

    def stream(self) -> str:
        return a_stream(self.write, self.name)

    def append(self, stream: str, offset: int | None, *values: int) -> int:
        """Append, and give the code in the answer: 0 when it is written."""
        return append(self.write, stream, rows(*values), offset).error.code


def rows(*values: object) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"value": list(values)})


@pytest.fixture
def table(emulators: emulators.Emulators, project: str) -> Table:
    return Table(project, open_bigquery(project), open_write(project))


def test_a_repeated_offset_already_exists_and_writes_nothing(table: Table) -> None:
    stream = table.stream()
    assert table.append(stream, 0, 1, 2) == 0
    assert table.append(stream, 0, 1, 2) == 6
    assert table.append(stream, 1, 2) == 6
    assert table.values() == [1, 2]


def test_a_gap_is_out_of_range_and_writes_nothing(table: Table) -> None:
    stream = table.stream()
    assert table.append(stream, 0, 1) == 0
    assert table.append(stream, 2, 3) == 11
    assert table.append(stream, 1, 2) == 0
    assert table.values() == [1, 2]


def test_a_finalised_stream_refuses_counts_its_rows_and_may_be_finalised_again(table: Table) -> None:
    stream = table.stream()
    table.append(stream, 0, 1, 2, 3)
    assert table.write.finalize_write_stream(name=stream).row_count == 3
    assert table.append(stream, 3, 4) == 9
    assert table.append(stream, 0, 1) == 9
    assert table.write.finalize_write_stream(name=stream).row_count == 3
    assert table.values() == [1, 2, 3]


def test_an_invalid_request_writes_nothing_and_takes_no_offset(table: Table) -> None:
    stream = table.stream()
    table.append(stream, 0, 1)
    assert append(table.write, stream, rows("two", "three"), 1).error.code == 3
    assert table.append(stream, 1, 2) == 0
    assert table.values() == [1, 2]


def test_a_request_over_ten_megabytes_is_refused_and_takes_no_offset(table: Table) -> None:
    stream = table.stream()
    assert append(table.write, stream, rows(*range(1_380_000)), 0).error.code == 8
    assert table.append(stream, 0, 1) == 0
    assert table.values() == [1]


def test_an_insert_that_fails_takes_no_offset(table: Table) -> None:
    stream = table.stream()
    with a_connection(table.write) as send:
        assert send(append_request(stream, rows(1), 0)).error.code == 0
        table.drop()
        with pytest.raises(GoogleAPICallError):
            send(append_request(stream, rows(2), 1))
    assert table.write.finalize_write_stream(name=stream).row_count == 1


def test_rows_that_a_finalised_stream_counts_are_in_the_table_at_once(table: Table) -> None:
    for phase in range(3):
        before, stream, started = table.count(), table.stream(), threading.Event()

        def write(stream: str = stream, started: threading.Event = started) -> None:
            for offset in itertools.count(0, BIG):
                started.set()
                if append(table.write, stream, rows(*range(BIG)), offset).error.code:
                    return

        with ThreadPoolExecutor() as threads:
            writing = threads.submit(write)
            started.wait(20)
            threading.Event().wait(0.05 + phase * 0.03)  # somewhere in an insert, as a rule
            counted = table.write.finalize_write_stream(name=stream).row_count
            assert table.count() - before == counted
            writing.result(30)
        assert table.count() - before == counted


FINALISE_DURING_AN_APPEND = """
import threading
from types import SimpleNamespace
import launch
import pyarrow as pa
from bqemulator.grpc_api.write_servicer import BigQueryWriteHandler
from bqemulator.streaming.write_stream import WriteStreamManager, WriteStreamType
from google.cloud.bigquery_storage_v1.types import FinalizeWriteStreamRequest

launch.correct()
manager, inserting, go_on, order = WriteStreamManager(), threading.Event(), threading.Event(), []
stream = manager.create(
    project_id="p", dataset_id="d", table_id="t", stream_id="0" * 16, stream_type=WriteStreamType.COMMITTED
)
handler = BigQueryWriteHandler(SimpleNamespace(), manager)

def insert(*_):
    inserting.set()
    go_on.wait(20)
    order.append("inserted")

def finalise():
    handler._handle_finalize_write_stream(FinalizeWriteStreamRequest.serialize(
        FinalizeWriteStreamRequest(name=stream.name)), None)
    order.append("finalised")

handler._flush_to_target = insert
appending = threading.Thread(target=handler._perform_append, args=(stream, pa.table({"value": [1]}), 0, 10))
finalising = threading.Thread(target=finalise)
appending.start()
inserting.wait(20)
finalising.start()
finalising.join(0.5)
go_on.set()
appending.join(20)
finalising.join(20)
print(*order)
"""


def test_finalising_waits_for_the_current_append() -> None:
    command = [str(emulator_python()), "-c", FINALISE_DURING_AN_APPEND]
    done = subprocess.run(command, cwd=emulator_files(), capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1:] == ["inserted finalised"], done.stderr


def test_rows_survive_the_emulators_death_and_its_write_streams_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_bigquery(tmp_path) as server, a_client(server.grpc) as write:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.rest)
        table = Table("survivor", open_bigquery("survivor"), write)
        stream = table.stream()
        table.append(stream, 0, 1, 2)

        server.kill()
        server.start()

        assert table.values() == [1, 2]
        with pytest.raises(NotFound):
            table.append(stream, 2, 3)
        with pytest.raises(NotFound):
            table.write.finalize_write_stream(name=stream)
        assert table.append(table.stream(), 0, 3) == 0
        assert table.values() == [1, 2, 3]
