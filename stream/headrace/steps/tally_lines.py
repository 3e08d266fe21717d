"""Lines of tallies: counts by subject and window for the audit, appended before messages are acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from headrace.bigquery.service_tables import TALLY_SCHEMA
from headrace.bigquery.write_streams import MAX_REQUEST_BYTES
from headrace.core.arrivals import Arrival, arrivals_in
from headrace.core.outcome import ARRIVED, UNNUMBERED
from headrace.core.tally import COUNTS, Tally
from headrace.util.batching import in_batches

LINE_BYTES: Final = 4_000_000  # of the numbers in a line: a request of 10 MB has room for two
_RANGE_BYTES: Final = 64  # of a range, without its texts
_SUMMED: Final = ["subject", "outcome", "reason"]
_LISTED: Final = ["window_start", "events", "id_hash", "content_hash"]
_INSTANT: Final = TALLY_SCHEMA.field("tallied_at").type
_SEQUENCES: Final = TALLY_SCHEMA.field("sequences").type


def tally_lines(
    tally: Tally, now: int, new_id: Callable[[], str], complete_until: Mapping[str, int] | None = None
) -> pa.RecordBatch:
    """Return one line for each subject, outcome and reason, with the counts of its windows.

    The numbers that arrived have lines of their own after the others, of about :data:`LINE_BYTES` at most.

    *new_id* returns a unique id for each line. *complete_until* maps a subject to the publish time up to which every
    message has its outcome. Times are in microseconds since 1970.
    """
    until = complete_until or {}
    table = pa.Table.from_batches([tally.counts], COUNTS)
    has_arrived = pc.equal(table["outcome"], ARRIVED)
    counted = _counted(table.filter(pc.invert(has_arrived)))
    lines = pa.concat_batches([counted, *_arrived(table.filter(has_arrived).to_pylist())])
    columns = {name: lines[name] for name in lines.schema.names} | {
        "tallied_at": pa.array([now] * len(lines), _INSTANT),
        "tally_id": pa.array([new_id() for _ in range(len(lines))], pa.string()),
        "complete_until": pa.array([until.get(name) for name in lines["subject"].to_pylist()], _INSTANT),
    }
    return pa.RecordBatch.from_arrays([columns[f.name] for f in TALLY_SCHEMA], schema=TALLY_SCHEMA)


def tally_requests(lines: pa.RecordBatch) -> list[pa.RecordBatch]:
    """Split *lines* so that each request has room for its part; the counts are together in the last one.

    One request has room for all lines, unless sources or epochs are very many.
    """
    if pa.ipc.get_record_batch_size(lines) <= MAX_REQUEST_BYTES:
        return [lines]
    has_ranges = pc.greater(pc.list_value_length(lines["sequences"]), 0)
    return [*_halved(lines.filter(has_ranges)), lines.filter(pc.invert(has_ranges))]


def _halved(lines: pa.RecordBatch) -> list[pa.RecordBatch]:
    if len(lines) <= 1 or pa.ipc.get_record_batch_size(lines) <= MAX_REQUEST_BYTES:
        return [lines] if len(lines) else []
    middle = len(lines) // 2
    return [*_halved(lines.slice(0, middle)), *_halved(lines.slice(middle))]


def _counted(table: pa.Table) -> pa.RecordBatch:
    """Return the lines of outcomes, without ids and times."""
    grouped = table.group_by(_SUMMED).aggregate([("events", "sum"), *((name, "list") for name in _LISTED)])
    columns = [*(grouped[name].combine_chunks() for name in _SUMMED), grouped["events_sum"].combine_chunks()]
    none = pa.array([[] for _ in range(len(grouped))], _SEQUENCES)
    return pa.RecordBatch.from_arrays([*columns, _windows(grouped), none], schema=_LINE)


def _arrived(rows: Sequence[Mapping[str, Any]]) -> Iterator[pa.RecordBatch]:
    """Yield the lines of numbers that arrived, and of events without a readable one, without ids and times."""
    for subject in sorted({row["subject"] for row in rows}):
        own = [row for row in rows if row["subject"] == subject]
        line = {"subject": subject, "outcome": ARRIVED, "reason": None, "events": 0, "windows": [], "sequences": []}
        parts = in_batches(arrivals_in(own), _weight, LINE_BYTES)
        lines = [line | {"sequences": [_range(each) for each in part]} for part in parts]
        unnumbered = sum(row["events"] for row in own if row["reason"] == UNNUMBERED)
        if unnumbered:
            lines.append(line | {"reason": UNNUMBERED, "events": unnumbered})
        yield pa.RecordBatch.from_pylist(lines, _LINE)


def _weight(arrival: Arrival) -> int:
    return _RANGE_BYTES + len(arrival.source.encode()) + len(arrival.epoch)


def _range(arrival: Arrival) -> dict[str, Any]:
    return {
        "source": arrival.source,
        "epoch": arrival.epoch,
        "window_start": arrival.window_start,
        "first_number": arrival.numbers.first,
        "last_number": arrival.numbers.last,
        "published_until": arrival.published_until,
    }


def _windows(grouped: pa.Table) -> pa.Array:
    lists = [grouped[f"{name}_list"].combine_chunks() for name in _LISTED]
    type_ = TALLY_SCHEMA.field("windows").type
    starts = lists[0].values.cast(type_.value_type.field("window_start").type)
    children = [starts, *(column.values for column in lists[1:])]
    struct = pa.StructArray.from_arrays(children, fields=list(type_.value_type))
    return pa.ListArray.from_arrays(lists[0].offsets, struct, type=type_)


_LINE: Final = pa.schema([TALLY_SCHEMA.field(name) for name in (*_SUMMED, "events", "windows", "sequences")])
