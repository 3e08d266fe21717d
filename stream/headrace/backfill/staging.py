"""Transactional write of a load's rows and tallies into their tables: completely or not at all, and only once.

Files are loaded into staging tables in a dataset whose tables expire; load jobs accept rows of any age. Then one script
inserts all rows and tallies. Its job id is derived from the load, and BigQuery runs a job id only once. So a worker
that takes over, or one that was wrongly considered dead, waits for the same result.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

import pyarrow as pa
import pyarrow.parquet as pq
from google.api_core.exceptions import Conflict, GoogleAPIError
from google.cloud import bigquery
from requests.exceptions import RequestException

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.parquet_load import replacing_load
from headrace.runtime.retry_policy import NO_RETRY
from headrace.schemas.envelope import to_rfc3339

MEANWHILE: Final = "another program has written events of these files meanwhile"
_TRIES: Final = 3  # of a script that failed: it has changed nothing, so another one may run


@dataclass(frozen=True, slots=True)
class Load:
    """A load to write: addresses of Parquet files of *rows*, whose ids are looked up within *times*.

    *name* is unique to this load. *tallies* are lines of ``service_tables.TALLY_SCHEMA``.
    """

    name: str
    rows: Sequence[str]
    times: tuple[datetime, datetime] | None
    tallies: pa.RecordBatch = field(repr=False)


class Staging:
    """Writer into the provisioned *table* and *tallies*; *dataset* holds the staging tables."""

    def __init__(self, client: bigquery.Client, dataset: str, table: bigquery.Table, tallies: bigquery.Table) -> None:
        self._client = client
        self._dataset = dataset
        self._table = table
        self._tallies = tallies

    def write(self, load: Load) -> None:
        """Write all of *load*, unless it is written already.

        Raises:
            BackfillError: BigQuery did not write it, or events of it are in the table already.
        """
        rows, tallies = (self._staged(load, of) for of in (self._table, self._tallies))
        try:
            self._fill(tallies, [], load.tallies)
            if load.rows:
                self._fill(rows, load.rows)
            self._once(_script(load, (rows, self._table), (tallies, self._tallies)), load.name)
            for table in (rows, tallies):
                self._client.delete_table(table, not_found_ok=True)
        except (GoogleAPIError, RequestException) as error:
            raise BackfillError(
                f"{self._table}: BigQuery did not write the load ({type(error).__name__}); nothing was written, unless "
                f"the answer was lost: run it again. It needs bigquery.jobs.create, the dataset {self._dataset}, which "
                "`headrace provision` makes, and bigquery.tables.updateData on table and tallies"
            ) from error

    def _staged(self, load: Load, of: bigquery.Table) -> bigquery.Table:
        return bigquery.Table(f"{of.project}.{self._dataset}.{load.name}_{of.table_id}", of.schema)

    def _fill(self, table: bigquery.Table, addresses: Sequence[str], lines: pa.RecordBatch | None = None) -> None:
        self._client.create_table(table, exists_ok=True)
        config = replacing_load(table.schema)
        if lines is None:
            self._client.load_table_from_uri(list(addresses), table, job_config=config).result()
            return
        file = io.BytesIO()
        pq.write_table(pa.Table.from_batches([lines]), file)
        self._client.load_table_from_file(file, table, rewind=True, job_config=config).result()

    def _once(self, script: str, name: str) -> None:
        """Run the script once; start another job only after the last one is known to have failed."""
        location = self._client.get_table(self._table).location
        for number in range(_TRIES):
            job = self._started(script, f"headrace_load_{name}_{number}", location)
            try:
                job.result()
            except GoogleAPIError as error:
                if MEANWHILE in str(error):
                    raise BackfillError(
                        f"{self._table}: {MEANWHILE}, and this load wrote nothing; run it again: it skips them"
                    ) from error
                if job.error_result is None or number + 1 == _TRIES:
                    raise
            else:
                return

    def _started(self, script: str, name: str, location: str) -> bigquery.QueryJob:
        try:
            return self._client.query(script, job_id=name, location=location, job_retry=NO_RETRY)
        except Conflict:
            return cast("bigquery.QueryJob", self._client.get_job(name, location=location))


def _script(
    load: Load, rows: tuple[bigquery.Table, bigquery.Table], tallies: tuple[bigquery.Table, bigquery.Table]
) -> str:
    """Return a script with one transaction; any error undoes all of it."""
    inserted = [_insertion(*each) for each in ((rows, tallies) if load.rows else (tallies,))]
    checked = [] if load.times is None else [_nobody_else(*rows, load.times)]
    return "\n".join(["BEGIN TRANSACTION;", *checked, *inserted, "COMMIT TRANSACTION;"])


def _nobody_else(staged: bigquery.Table, table: bigquery.Table, times: tuple[datetime, datetime]) -> str:
    first, last = (f"TIMESTAMP '{to_rfc3339(each)}'" for each in times)
    return f"""\
IF (
    SELECT COUNT(*) FROM `{staged}` AS staged JOIN `{table}` AS stored ON stored._event_id = staged._event_id
    WHERE stored._event_time BETWEEN {first} AND {last}
) > 0 THEN
    RAISE USING MESSAGE = '{MEANWHILE}';
END IF;"""  # noqa: S608 names come from checked settings and contracts


def _insertion(staged: bigquery.Table, table: bigquery.Table) -> str:
    columns = ", ".join(f"`{each.name}`" for each in staged.schema)
    return f"INSERT INTO `{table}` ({columns}) SELECT {columns} FROM `{staged}`;"  # noqa: S608 likewise
