"""Textbook Beam pipeline: ReadFromPubSub, decode, mask, one row a message, batched inserts; streaming DirectRunner.

``python -m headrace.dev.bench.peer_beam <project> <subject> <total>``; it runs until it is stopped. It acknowledges
before it processes, and does not deduplicate.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.util import BatchElements

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.textbook import Textbook
from headrace.dev.bench.ticks import Ticker
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

Row = dict[str, Any]


class _RowFn(beam.DoFn):
    def __init__(self, subject: str) -> None:
        self._subject = subject

    def setup(self) -> None:
        self._path = Textbook(Registry.load(SAMPLES), self._subject, os.urandom(32))

    def process(self, message: PubsubMessage) -> Iterator[Row]:
        one = Message(self._subject, message.data, message.attributes, "", 0)
        yield from self._path.row(self._path.mask(self._path.decode([one])))


class _InsertFn(beam.DoFn):
    def __init__(self, project: str, table: str, total: int) -> None:
        self._project, self._table, self._total = project, table, total

    def setup(self) -> None:
        self._client = open_bigquery(self._project)

    def process(self, rows: list[Row]) -> None:
        errors = self._client.insert_rows_json(self._table, rows, row_ids=[None] * len(rows))
        if errors:
            raise ValueError(f"insertAll refused {len(errors)} of {len(rows)} rows")
        _ticker(self._total).add(len(rows))


_TICKERS: list[Ticker] = []


def _ticker(total: int) -> Ticker:
    """Return this process's ticker: a DoFn is copied, and a lock cannot be copied."""
    if not _TICKERS:
        _TICKERS.append(Ticker(total))
    return _TICKERS[0]


def main(project: str, subject: str, total: int) -> None:
    """Run until stopped."""
    names = Names(project)
    table = f"{project}.{names.dataset}.{Registry.load(SAMPLES).latest(subject).options.table}"
    with beam.Pipeline(options=PipelineOptions(["--streaming", "--runner=DirectRunner"])) as pipeline:
        (
            pipeline
            | ReadFromPubSub(subscription=names.subscription(subject), with_attributes=True)
            | beam.ParDo(_RowFn(subject))
            | BatchElements(min_batch_size=1, max_batch_size=500)
            | beam.ParDo(_InsertFn(project, table, total))
        )


if __name__ == "__main__":
    from headrace.dev.bench import peer_beam  # so that copies of DoFns find the module and its ticker by name

    peer_beam.main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
