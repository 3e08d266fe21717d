"""The textbook Beam pipeline: ReadFromPubSub, decode, one row a message, batched inserts; streaming DirectRunner.

Run as ``python -m benchmarks.peer_beam <project> <subscription> <table> <contract>``; it runs until it is stopped.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import fastavro
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.util import BatchElements

from benchmarks.rows import row_of
from stream.clients import open_bigquery


class _DecodeFn(beam.DoFn):
    def __init__(self, avro: str) -> None:
        self._avro = avro

    def setup(self) -> None:
        self._schema = fastavro.parse_schema(json.loads(self._avro))

    def process(self, message: PubsubMessage) -> Iterator[dict[str, Any]]:
        fields = fastavro.schemaless_reader(io.BytesIO(message.data), self._schema, None)
        yield row_of(fields, dict(message.attributes))


class _InsertFn(beam.DoFn):
    def __init__(self, project: str, table: str) -> None:
        self._project, self._table = project, table

    def setup(self) -> None:
        self._client = open_bigquery(self._project)

    def process(self, rows: list[dict[str, Any]]) -> None:
        errors = self._client.insert_rows_json(self._table, rows)
        assert not errors, errors


def main(project: str, subscription: str, table: str, contract: str) -> None:
    """Run until stopped."""
    avro = Path(contract).read_text()
    with beam.Pipeline(options=PipelineOptions(["--streaming", "--runner=DirectRunner"])) as pipeline:
        (
            pipeline
            | ReadFromPubSub(subscription=subscription, with_attributes=True)
            | beam.ParDo(_DecodeFn(avro))
            | BatchElements(min_batch_size=1, max_batch_size=500)
            | beam.ParDo(_InsertFn(project, table))
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
