"""The rule by which the row count of a finalised stream shows whether its last batch was written, for both engines."""

from __future__ import annotations

from enum import StrEnum

from headrace.bigquery.append_result import HaltError


class BatchAtEnd(StrEnum):
    """Whether a finalised stream has the last batch that was sent to it."""

    WRITTEN = "written"
    NOT_WRITTEN = "not_written"
    UNKNOWN = "unknown"  # the stream and its count are gone: look the rows up in the table


def batch_at_end(stream: str, row_count: int | None, offset: int, batch_rows: int) -> BatchAtEnd:
    """Return whether the finalised *stream* has the batch of *batch_rows* rows that was sent to *offset*.

    Pass None as *row_count* if the stream is gone, and 0 as *batch_rows* to check only that it ends at *offset*.

    >>> batch_at_end("s", 120, 100, 20), batch_at_end("s", 100, 100, 20), batch_at_end("s", None, 100, 20)
    (<BatchAtEnd.WRITTEN: 'written'>, <BatchAtEnd.NOT_WRITTEN: 'not_written'>, <BatchAtEnd.UNKNOWN: 'unknown'>)

    Raises:
        HaltError: the number of rows differs from the committed number.
    """
    if row_count is None:
        return BatchAtEnd.UNKNOWN
    if row_count == offset:
        return BatchAtEnd.NOT_WRITTEN
    if row_count == offset + batch_rows:
        return BatchAtEnd.WRITTEN
    more = f", and perhaps {batch_rows:,} more" if batch_rows else ""
    raise HaltError(
        f"{stream}: has {row_count:,} rows where {offset:,} were committed{more}; somebody else appended to this "
        "stream, or the journal or state is an old copy; see docs/promises.md"
    )
