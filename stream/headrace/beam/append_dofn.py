"""The clients and the worker cache of a step that appends."""

from __future__ import annotations

from typing import Final

import apache_beam as beam

from headrace.beam.state import WorkerCache
from headrace.bigquery.write_streams import WriteStreams
from headrace.runtime.google_clients import open_bigquery, open_write

APPEND_SECONDS: Final = 30.0  # how long BigQuery may take to confirm an append


class AppendDoFn(beam.DoFn):
    """Base of steps that append; it has ``_streams``, ``_bigquery`` and ``_cache``. It uses the quota of *project*."""

    def __init__(self, project: str) -> None:
        self._project = project

    def setup(self) -> None:
        """Open clients."""
        self._streams = WriteStreams(open_write(self._project), APPEND_SECONDS)
        self._bigquery = open_bigquery(self._project)
        self._cache = WorkerCache()

    def start_bundle(self) -> None:
        """Remove from the cache the values of the previous bundle."""
        self._cache.begin_bundle()

    def finish_bundle(self) -> None:
        """Close all connections.

        Any worker may run a key's next bundle, so each worker could otherwise end up with a connection for each key.
        """
        self._streams.close_all()

    def teardown(self) -> None:
        """Close connections that a failed bundle left open, and the client for lookups."""
        self._streams.close_all()
        self._bigquery.close()
