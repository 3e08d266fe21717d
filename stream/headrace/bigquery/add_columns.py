"""Columns that a new version of a contract needs, added by the job itself where the contract allows it."""

from __future__ import annotations

from google.cloud import bigquery

from headrace.bigquery.column_renames import column_renames
from headrace.bigquery.event_table import schema_mismatches
from headrace.bigquery.table_changes import evolved_table, merged_columns, table_refusals
from headrace.bigquery.table_identity import CALL_SECONDS
from headrace.core.resource_names import Names
from headrace.runtime.retry_policy import NO_RETRY
from headrace.schemas.registry import Registry


def add_columns(client: bigquery.Client, registry: Registry, subject: str, names: Names) -> list[str]:
    """Add the columns that a subject's table lacks, and return what was missing.

    A table that needs a change that BigQuery cannot make, or that a person has to decide, such as the rename of a
    column, stays as it is. Raise the client's errors; PreconditionFailed if another process changes the table now.
    """
    wanted, refusals = evolved_table(registry, subject, names)
    existing = client.get_table(wanted, retry=NO_RETRY, timeout=CALL_SECONDS)
    missing = schema_mismatches(existing.schema, wanted.schema)
    renames = column_renames(registry, subject)
    if not missing or refusals or table_refusals(existing, wanted, wanted.table_id, renames):
        return []
    existing.schema = merged_columns(existing.schema, wanted.schema, wanted.table_id).columns
    client.update_table(existing, ["schema"], retry=NO_RETRY, timeout=CALL_SECONDS)
    return missing
