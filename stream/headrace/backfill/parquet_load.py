"""Load job that replaces the content of a table or partition by Parquet files."""

from __future__ import annotations

from collections.abc import Sequence

from google.cloud import bigquery


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
