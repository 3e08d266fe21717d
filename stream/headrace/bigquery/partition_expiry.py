"""The expiry of a table's partitions, and the windows whose rows may have expired with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from google.cloud import bigquery

from headrace.schemas.envelope import from_micros, to_micros

_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
_LEAST: Final = to_micros(_BEGINNING)


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a table's partitions expire, by the table's own settings. BigQuery counts from the start of a partition."""

    now: datetime
    after: timedelta | None
    partition: str

    @classmethod
    def of(cls, table: bigquery.Table, now: int) -> Expiry:
        """Read the expiry from *table*; *now* is in microseconds since 1970."""
        partitioning = table.time_partitioning
        after = None
        if partitioning is not None and partitioning.expiration_ms is not None:
            after = timedelta(milliseconds=int(partitioning.expiration_ms))
        return cls(from_micros(now), after, partitioning.type_ if partitioning is not None else "DAY")

    def has_passed(self, start: int) -> bool:
        """Return whether the rows of a window may have expired; *start* is in microseconds since 1970."""
        return self.after is not None and self._partition_of(moment_of(start)) <= self.now - self.after

    def _partition_of(self, moment: datetime) -> datetime:
        hour = moment.replace(minute=0, second=0, microsecond=0)
        if self.partition == "HOUR":
            return hour
        return hour.replace(hour=0, day=1 if self.partition == "MONTH" else moment.day)


def moment_of(start: int) -> datetime:
    """Return the start of a window as a datetime; the first window may begin before the first possible datetime."""
    return from_micros(max(start, _LEAST))
