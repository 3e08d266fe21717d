"""Load job that replaces the content of a table or partition by Parquet files."""

from __future__ import annotations

from collections.abc import Sequence

from google.cloud import bigquery

from headrace.backfill.backfill_errors import BackfillError
from headrace.schemas.model import Kind, Scalar, inner, walk
from headrace.schemas.registry import Contract


def replacing_load(schema: Sequence[bigquery.SchemaField]) -> bigquery.LoadJobConfig:
    """Return the configuration of such a job; the table must exist, with the columns of *schema*."""
    config = bigquery.LoadJobConfig(
        schema=schema,
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
        create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
    )
    config.parquet_options = bigquery.ParquetOptions()
    config.parquet_options.enable_list_inference = True
    return config


def check_loadable(contract: Contract) -> None:
    """Refuse a load into JSON columns, which BigQuery does not load from Parquet.

    Raises:
        BackfillError: the table has a JSON column; names the first one.
    """
    for path, field in walk(contract.written):
        if inner(field.type) == Scalar(Kind.JSON):
            raise BackfillError(
                f"{path}: a JSON column, which BigQuery does not load from Parquet files; backfill without "
                "--replace-partition and --runner, so that the rows are streamed"
            )
