"""Tallies: the number of events of each subject, window and outcome, with hashes of the events.

The hashes are sums modulo 2^64 over the events, so they depend neither on the order nor on the grouping of events.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.core.dead_letter import Refusal
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch, key_rows
from headrace.core.outcome import GAP, Outcome
from headrace.core.row_hash import row_hashes

COUNTS: Final = pa.schema(
    [
        ("subject", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("window_start", pa.int64()),  # microseconds since 1970
        ("events", pa.int64()),
        ("id_hash", pa.int64()),
        ("content_hash", pa.int64()),
    ]
)
_KEYS = ["subject", "outcome", "reason", "window_start"]
_SUMS = ["events", "id_hash", "content_hash"]
_Numbers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of schema :data:`COUNTS`: one row for each subject, outcome, reason and window."""

    counts: pa.RecordBatch = field(repr=False)


def gap_tally(subject: str, since: int, until: int, reason: str) -> Tally:
    """Return a tally that records a gap: events published in it (microseconds since 1970) may never have arrived."""
    row = {"subject": subject, "outcome": GAP, "reason": reason, "window_start": since or until}
    return Tally(pa.RecordBatch.from_pylist([row | {"events": 0, "id_hash": 0, "content_hash": 0}], COUNTS))


def window_starts(moments: pa.Array, window: timedelta) -> pa.Array:
    """Round *moments*, in microseconds, down to the start of their window; moments before 1970 as well."""
    size = pa.scalar(window // timedelta(microseconds=1), pa.int64())
    quotient = pc.divide(moments, size)
    negative = pc.less(moments, pc.multiply(quotient, size))
    return pc.multiply(pc.subtract(quotient, pc.cast(negative, pa.int64())), size)


def tally_rows(batch: MicroBatch, outcome: Outcome, window: timedelta, reason: str | None = None) -> Tally:
    """Count every row of *batch* in the window of its event time."""
    windows = window_starts(batch.notes.column("event_time"), window)
    return _tally(batch.subject, outcome, reason, windows, _ids(batch), batch.notes.column("content_hash").to_numpy())


def tally_written(batch: MicroBatch, window: timedelta) -> Tally:
    """Count every row of *batch* as written; hash the content of the row, so that the audit can compare the table."""
    windows = window_starts(batch.notes.column("event_time"), window)
    return _tally(batch.subject, Outcome.WRITTEN, None, windows, _ids(batch), row_hashes(batch.rows).to_numpy())


def id_hash(event_key: bytes) -> int:
    """Return the first 64 bits of an event's key as a signed integer."""
    return int.from_bytes(event_key[:8], "big", signed=True)


def tally_unread(messages: Sequence[Message], outcome: Outcome, window: timedelta, reason: str | None = None) -> Tally:
    """Count unreadable messages by their topic's subject and their publish time, without hashes."""
    windows = window_starts(pa.array([message.published_at for message in messages], pa.int64()), window)
    zeros = np.zeros(len(messages), np.int64)
    return _tally(messages[0].subject, outcome, reason, windows, zeros, zeros)


def tally_unread_refusals(messages: Sequence[Message], refusals: Sequence[Refusal], window: timedelta) -> list[Tally]:
    """Count the unreadable ones of *messages* as received, and as dead-lettered by reason."""
    tallies = []
    for reason in sorted({refusal.reason for refusal in refusals}):
        refused = [messages[refusal.index] for refusal in refusals if refusal.reason is reason]
        tallies.append(tally_unread(refused, Outcome.RECEIVED, window))
        tallies.append(tally_unread(refused, Outcome.DEAD_LETTERED, window, reason))
    return tallies


def tally_unread_drops(messages: Sequence[Message], dropped: Collection[int], window: timedelta) -> list[Tally]:
    """Count the *messages* at *dropped*, which have no payload, as received and as dropped."""
    if not dropped:
        return []
    unread = [messages[index] for index in sorted(dropped)]
    return [tally_unread(unread, each, window) for each in (Outcome.RECEIVED, Outcome.DROPPED)]


def tally_refusals(batch: MicroBatch, refusals: Sequence[Refusal], window: timedelta) -> list[Tally]:
    """Count the refused rows of *batch* by reason."""
    tallies = []
    for reason in sorted({refusal.reason for refusal in refusals}):
        refused = batch.take([refusal.index for refusal in refusals if refusal.reason is reason])
        tallies.append(tally_rows(refused, Outcome.DEAD_LETTERED, window, reason))
    return tallies


def tally_lost(subject: str, events: int, noticed_at: int, window: timedelta) -> Tally:
    """Return a tally of lost rows that no other tally counts, in the window in which the loss was noticed."""
    start = window_starts(pa.array([noticed_at], pa.int64()), window)[0].as_py()
    row = {"subject": subject, "outcome": str(Outcome.LOST), "reason": None, "window_start": start, "events": events}
    return Tally(pa.RecordBatch.from_pylist([row | {"id_hash": 0, "content_hash": 0}], COUNTS))


def add_up(tallies: Sequence[Tally]) -> Tally:
    """Add up counts of the same subject, outcome, reason and window."""
    table = pa.Table.from_batches([tally.counts for tally in tallies], COUNTS)
    grouped = table.group_by(_KEYS).aggregate([(name, "sum") for name in _SUMS])
    renamed = grouped.select([*_KEYS, *(f"{name}_sum" for name in _SUMS)]).rename_columns(COUNTS.names)
    return Tally(renamed.combine_chunks().to_batches()[0])


def _ids(batch: MicroBatch) -> _Numbers:
    """Return the :func:`id_hash` of each event's key."""
    first = key_rows(batch.notes.column("event_key"))[:, 0]
    return first.view(np.dtype(">i8")).astype(np.int64)


def _tally(
    subject: str, outcome: Outcome, reason: str | None, windows: pa.Array, ids: _Numbers, contents: _Numbers
) -> Tally:
    starts = windows.to_numpy()
    order = np.argsort(starts, kind="stable")
    ordered = starts[order]
    firsts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))[: len(ordered)]
    count = len(firsts)
    values = {
        "subject": pa.repeat(pa.scalar(subject), count),
        "outcome": pa.repeat(pa.scalar(str(outcome)), count),
        "reason": pa.repeat(pa.scalar(reason, pa.string()), count),
        "window_start": pa.array(ordered[firsts]),
        "events": pa.array(np.diff(firsts, append=len(ordered))),
        "id_hash": pa.array(np.add.reduceat(ids[order], firsts)),
        "content_hash": pa.array(np.add.reduceat(contents[order], firsts)),
    }
    return Tally(pa.RecordBatch.from_arrays([values[name] for name in COUNTS.names], schema=COUNTS))
