"""The identities of the tables that a worker writes, read at most every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import structlog
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from requests.exceptions import RequestException

from headrace.beam.state import TABLE_BYTES
from headrace.bigquery.table_identity import look_at_table

CACHE_SECONDS: Final = 10.0
_LOG = structlog.get_logger("headrace")


@dataclass
class TableIdentities:
    """Digests of tables' identities, cached for CACHE_SECONDS; *seconds* is a monotonic clock."""

    client: bigquery.Client
    seconds: Callable[[], float] = time.monotonic
    _cached: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def digest_of(self, table: str) -> bytes:
        """Return the digest for *table*, a name in SQL; empty if it cannot be read now, which is retried later."""
        digest, until = self._cached.get(table, (b"", 0.0))
        if self.seconds() < until:
            return digest
        try:
            identity = look_at_table(self.client, table).identity
            digest = blake2b(identity.encode(), digest_size=TABLE_BYTES).digest()
        except (GoogleAPIError, GoogleAuthError, RequestException) as error:
            _LOG.warning("table_not_seen", table=table, error=type(error).__name__)
            digest = b""
        self._cached[table] = digest, self.seconds() + CACHE_SECONDS
        return digest
