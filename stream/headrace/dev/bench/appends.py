"""Measure the cost of appending the same rows to BigQuery: AppendRows in Arrow beside ``insertAll``, in chunks.

``python -m headrace.dev.bench.appends <project> <subject> <chunks> <file>`` prints one JSON object;
:func:`~headrace.dev.bench.bench_events.keep` writes the file. Headrace's rows go to the tables of *project*, the peer's
to those of *project*-peer; both must exist.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from headrace.bigquery.append_result import AppendResult, interpret
from headrace.bigquery.write_streams import Rows, WriteStreams
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.bench_events import kept
from headrace.dev.bench.figures import beside
from headrace.dev.bench.own_steps import Ours
from headrace.dev.bench.step_costs import CHUNK, WARM
from headrace.dev.bench.textbook import Textbook
from headrace.runtime.google_clients import open_bigquery, open_write
from headrace.runtime.processes import run_program
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

INSERTED: Final = 500  # rows of one insertAll, as BigQuery advises
APPEND_SECONDS: Final = 30.0


def appender(project: str, table: str) -> Callable[[Rows, int], None]:
    """Return a function that appends rows at an offset to its own stream."""
    streams = WriteStreams(open_write(project), APPEND_SECONDS)
    stream = streams.create(Names(project).table(table))

    def append(rows: Rows, offset: int) -> None:
        result = interpret(streams.append(stream, offset, rows), False)
        if result is not AppendResult.WRITTEN:
            raise ValueError(f"{stream}: {result.name}")

    return append


def inserter(project: str, table: str) -> Callable[[list[dict[str, Any]]], None]:
    """Return a function that inserts rows as JSON."""
    client, name = open_bigquery(project), f"{project}.{Names(project).dataset}.{table}"

    def insert(rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), INSERTED):
            part = rows[start : start + INSERTED]
            errors = client.insert_rows_json(name, part, row_ids=[None] * len(part))
            if errors:
                raise ValueError(f"{name}: insertAll refused {len(errors)} of {len(part)} rows")

    return insert


def measure(project: str, subject: str, chunks: int, all_: Sequence[Message]) -> dict[str, Any]:
    """Return microseconds an event, of this process's processor time and of wall-clock time."""
    registry, key = Registry.load(SAMPLES), os.urandom(32)
    table = registry.latest(subject).options.table
    append, insert = appender(project, table), inserter(f"{project}-peer", table)
    ours, peer = Ours(registry, subject, key), Textbook(registry, subject, key)
    took: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
    offset = 0
    for number in range(chunks + WARM):
        chunk = all_[number * CHUNK : (number + 1) * CHUNK]
        batch = ours.dedupe(ours.mask(ours.decode(chunk)))
        arrow, dicts = ours.row(batch), peer.row(peer.dedupe(list(peer.mask(peer.decode(chunk)))))

        pair: list[tuple[str, Callable[[], None]]] = [
            ("ours", partial(append, arrow, offset)),
            ("peer", partial(insert, dicts)),
        ]
        for name, work in pair if number % 2 == 0 else reversed(pair):
            took[name].append(_timed(work, len(batch)))
        offset += len(batch)
    cpu, wall = ({name: [each[place] for each in took[name][WARM:]] for name in took} for place in (0, 1))
    return {**beside(cpu["ours"], cpu["peer"]), "wall": beside(wall["ours"], wall["peer"])}


def _timed(work: Callable[[], None], events: int) -> tuple[float, float]:
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    work()
    return (time.process_time_ns() - cpu) / 1000 / events, (time.perf_counter_ns() - wall) / 1000 / events


def main(project: str, subject: str, chunks: int, file: Path) -> None:
    """Measure, and print the figures."""
    sys.stdout.write(json.dumps(measure(project, subject, chunks, kept(file))) + "\n")


if __name__ == "__main__":
    run_program(partial(main, sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
