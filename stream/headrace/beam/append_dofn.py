"""What a step that appends holds outside state, from bundle to bundle."""

from __future__ import annotations

from typing import Final

import apache_beam as beam

from headrace.beam.state import Memory
from headrace.bigquery.write_streams import WriteStreams
from headrace.runtime.google_clients import open_bigquery, open_write

APPEND_SECONDS: Final = 30.0  # how long BigQuery may take to confirm an append


class AppendingFn(beam.DoFn):  # type: ignore[misc]
    """Gives ``_streams``, ``_bigquery`` and ``_memory`` to a step. *project* is the one whose quota pays."""

    def __init__(self, project: str) -> None:
        self._project = project

    def setup(self) -> None:
        """Open clients."""
        self._streams = WriteStreams(open_write(self._project), APPEND_SECONDS)
        self._bigquery = open_bigquery(self._project)
        self._memory = Memory()

    def start_bundle(self) -> None:
        """Let go of what belongs to the bundle before."""
        self._memory.begin_bundle()

    def finish_bundle(self) -> None:
        """Close connections: any worker may run a key's next bundle, so kept ones would be as many as keys times
        workers."""
        self._streams.close_all()

    def teardown(self) -> None:
        """Close what a bundle that failed has left open, and the client for lookups."""
        self._streams.close_all()
        self._bigquery.close()
