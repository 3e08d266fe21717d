"""``python -m benchmarks.at_least_once run ...``: the same engine without what makes it exact, for comparison.

Nothing is committed to disk and rows go to the default stream, as an engine would that is content with at least once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from stream.cli import main
from stream.engine.journal import Journal, Remembered
from stream.engine.table_writer import Head, TableWriter
from stream.engine.transaction import Transaction
from stream.streams import Rows, WriteStreams
from stream.verdicts import Answer

KEPT: list[bytes] = []
NUMBERS = itertools.count(1)
append_at = WriteStreams.append


class Nothing(Transaction):
    """Keeps counts in memory, and nothing else."""

    def __init__(self) -> None:
        def execute(*_: Any) -> None:
            return None

        self._execute = execute

    def tally(self, counts: bytes) -> None:
        KEPT.append(counts)

    def forget_tallies(self, last: int) -> None:
        del KEPT[:last]


@contextmanager
def no_transaction(journal: Journal) -> Iterator[Transaction]:
    yield Nothing()


def only_a_number(writer: TableWriter, transaction: Transaction, rows: pa.RecordBatch, notes: pa.RecordBatch) -> Head:
    return Head(next(NUMBERS), rows, notes, Rows.of(rows))


def append_anywhere(streams: WriteStreams, stream: str, offset: int | None, rows: Rows) -> Answer:
    return append_at(streams, stream, None, rows)


if __name__ == "__main__":
    Journal.transaction = no_transaction  # type: ignore[method-assign]
    Journal.tallies = lambda journal: (len(KEPT), list(KEPT))  # type: ignore[method-assign]
    Journal.remembered = lambda journal, target: Remembered(0, 0, [], [])  # type: ignore[method-assign]
    TableWriter._add = only_a_number  # type: ignore[method-assign]
    WriteStreams.create = lambda streams, table: f"{table}/streams/_default"  # type: ignore[method-assign]
    WriteStreams.append = append_anywhere  # type: ignore[method-assign]
    main()
