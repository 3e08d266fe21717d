"""The identity of a table. Facts remembered about a table are not valid for a later table of the same name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

from google.cloud import bigquery
from google.cloud.bigquery import ScalarQueryParameter

from headrace.bigquery.partition_expiry import Expiry
from headrace.bigquery.query_once import query_once, service_time
from headrace.runtime.retry_policy import NO_RETRY
from headrace.schemas.envelope import from_micros, to_micros

CALL_SECONDS: Final = 10.0
_DAY: Final = timedelta(days=1) // timedelta(microseconds=1)


class Witness(NamedTuple):
    """A written row, by id and event time in microseconds. Its presence shows that the table has not lost its rows."""

    event_id: str
    event_time: int


@dataclass(frozen=True, slots=True)
class Looked:
    """The current state of a table. *rows* excludes those that BigQuery still buffers."""

    identity: str
    rows: int
    table: bigquery.Table = field(repr=False, compare=False)


def look_at_table(client: bigquery.Client, table: str) -> Looked:
    """Read the state of *table*, a name in SQL, which is free of charge in BigQuery.

    The identity is the full name with the creation time. A change of the schema keeps it; a new table has another.
    Raise the client's errors, and NotFound if the table does not exist.
    """
    name = table.strip("`")
    found = client.get_table(name, retry=NO_RETRY, timeout=CALL_SECONDS)
    created = to_micros(found.created) if found.created is not None else 0
    return Looked(f"{name} {created}", int(found.num_rows or 0), found)


def missing_witnesses(client: bigquery.Client, looked: Looked, witnesses: Sequence[Witness]) -> int:
    """Count those of *witnesses* that are no longer in the table.

    From one day before its partition expires, a row may be missing. The query asks for each row by its exact time, so
    that it reads only the partitions of these rows. Raise the client's errors.
    """
    if not witnesses:
        return 0
    reference = looked.table.reference
    where = " OR ".join(f"(_event_time = @t{number} AND _event_id = @i{number})" for number in range(len(witnesses)))
    query = f"""
        SELECT DISTINCT _event_id AS id
        FROM `{reference.project}.{reference.dataset_id}.{reference.table_id}`
        WHERE {where}
    """  # noqa: S608 names come from checked settings and contracts
    parameters = [each for row in enumerate(witnesses) for each in _parameters(*row)]
    found = {row["id"] for row in query_once(client, query, parameters)}
    gone = [each for each in witnesses if each.event_id not in found]
    if not gone:
        return 0
    tomorrow = Expiry.of(looked.table, service_time(client) + _DAY)
    return sum(not tomorrow.has_passed(each.event_time) for each in gone)


def _parameters(number: int, witness: Witness) -> list[Any]:
    return [
        ScalarQueryParameter(f"t{number}", "TIMESTAMP", from_micros(witness.event_time)),
        ScalarQueryParameter(f"i{number}", "STRING", witness.event_id),
    ]
