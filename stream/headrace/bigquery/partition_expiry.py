"""Which windows may have gone with their partition."""

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
    """When a table's partitions expire, as the table itself says; BigQuery counts from a partition's start."""

    now: datetime
    after: timedelta | None
    partition: str

    @classmethod
    def of(cls, table: bigquery.Table, now: int) -> Expiry:
        """Read it off *table*; *now* in microseconds since 1970."""
        partitioning = table.time_partitioning
        after = None
        if partitioning is not None and partitioning.expiration_ms is not None:
            after = timedelta(milliseconds=int(partitioning.expiration_ms))
        return cls(from_micros(now), after, partitioning.type_ if partitioning is not None else "DAY")

    def has_passed(self, start: int) -> bool:
        """Whether the rows of a window may be gone; *start* in microseconds since 1970."""
        return self.after is not None and self._partition_of(moment_of(start)) <= self.now - self.after

    def _partition_of(self, moment: datetime) -> datetime:
        hour = moment.replace(minute=0, second=0, microsecond=0)
        if self.partition == "HOUR":
            return hour
        return hour.replace(hour=0, day=1 if self.partition == "MONTH" else moment.day)


def moment_of(start: int) -> datetime:
    """Give the start of a window as a time; the first window of all may begin before there are any."""
    return from_micros(max(start, _LEAST))
