"""Lines of tallies: counts by subject and window for the audit, appended before messages are acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa

from headrace.bigquery.service_tables import TALLY_SCHEMA
from headrace.core.tally import COUNTS, Tally

_SUMMED: Final = ["subject", "outcome", "reason"]
_LISTED: Final = ["window_start", "events", "id_hash", "content_hash"]


def tally_lines(
    tally: Tally, now: int, new_id: Callable[[], str], complete_until: Mapping[str, int] | None = None
) -> pa.RecordBatch:
    """Return one line for each subject, outcome and reason, with the counts of its windows.

    *new_id* returns a unique id for each line. *complete_until* maps a subject to the publish time up to which every
    message has its outcome. Times are in microseconds since 1970.
    """
    until = complete_until or {}
    table = pa.Table.from_batches([tally.counts], COUNTS)
    grouped = table.group_by(_SUMMED).aggregate([("events", "sum"), *((name, "list") for name in _LISTED)])
    instant = TALLY_SCHEMA.field("tallied_at").type
    columns = {
        "subject": grouped["subject"].combine_chunks(),
        "outcome": grouped["outcome"].combine_chunks(),
        "reason": grouped["reason"].combine_chunks(),
        "tallied_at": pa.array([now] * len(grouped), instant),
        "tally_id": pa.array([new_id() for _ in range(len(grouped))], pa.string()),
        "complete_until": pa.array([until.get(name) for name in grouped["subject"].to_pylist()], instant),
        "events": grouped["events_sum"].combine_chunks(),
        "windows": _windows(grouped),
    }
    return pa.RecordBatch.from_arrays([columns[f.name] for f in TALLY_SCHEMA], schema=TALLY_SCHEMA)


def _windows(grouped: pa.Table) -> pa.Array:
    lists = [grouped[f"{name}_list"].combine_chunks() for name in _LISTED]
    type_ = TALLY_SCHEMA.field("windows").type
    starts = lists[0].values.cast(type_.value_type.field("window_start").type)
    children = [starts, *(column.values for column in lists[1:])]
    struct = pa.StructArray.from_arrays(children, fields=list(type_.value_type))
    return pa.ListArray.from_arrays(lists[0].offsets, struct, type=type_)
