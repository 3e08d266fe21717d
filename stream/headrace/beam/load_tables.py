"""Load as a Beam transform. It collects all files of rows and all tallies in one place, and writes them once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import apache_beam as beam
import structlog

from headrace.backfill.buckets import delete_objects
from headrace.backfill.staging import Load, Staging
from headrace.beam.load_target import LoadOptions, Part
from headrace.bigquery.event_table import table_for
from headrace.bigquery.existing_rows import whole_days
from headrace.bigquery.service_tables import tallies_table
from headrace.core.tally import Tally, add_up
from headrace.runtime.google_clients import open_bigquery
from headrace.steps.tally_lines import tally_lines

_LOG = structlog.get_logger("headrace")


class _AddUpFn(beam.CombineFn):
    """A combiner that adds up tallies on each worker, so that few of them cross the shuffle."""

    def create_accumulator(self) -> list[Tally]:
        return []

    def add_input(self, accumulator: list[Tally], tally: Tally) -> list[Tally]:
        return [add_up([*accumulator, tally])]

    def merge_accumulators(self, accumulators: Iterable[list[Tally]]) -> list[Tally]:
        tallies = [tally for each in accumulators for tally in each]
        return [add_up(tallies)] if tallies else []

    def extract_output(self, accumulator: list[Tally]) -> list[Tally]:
        return accumulator


class _LoadFn(beam.DoFn):
    def __init__(self, options: LoadOptions, clock: Callable[[], int]) -> None:
        self._options = options
        self._clock = clock

    def setup(self) -> None:
        self._bigquery = open_bigquery(self._options.names.project)

    def teardown(self) -> None:
        self._bigquery.close()

    def process(self, joined: tuple[str, Mapping[str, Iterable[Any]]]) -> None:
        parts: list[Part] = sorted(joined[1]["parts"])
        tallies = [tally for each in joined[1]["tallies"] for tally in each]
        options, now, numbers = self._options, self._clock(), count()
        counted = add_up(tallies)
        lines = tally_lines(counted, now, lambda: f"{options.name}-{next(numbers)}")
        project, dataset = options.names.project, options.names.dataset
        table, tallied = table_for(options.contract, project, dataset), tallies_table(project, dataset)
        staging = Staging(self._bigquery, options.names.loads, table, tallied)
        addresses = [each.address for each in parts]
        times = whole_days(min(each.first for each in parts), max(each.last for each in parts)) if parts else None
        staging.write(Load(options.name, addresses, times, lines))
        delete_objects(addresses, options.names.project)
        _LOG.info("loaded", subject=options.contract.subject, load=options.name, **_totals(counted))


def _totals(tally: Tally) -> dict[str, int]:
    totals: dict[str, int] = {}
    for outcome, events in zip(*(tally.counts.column(name).to_pylist() for name in ("outcome", "events")), strict=True):
        totals[outcome] = totals.get(outcome, 0) + events
    return totals


@dataclass
class LoadTables(beam.PTransform[Any, Any]):
    """A transform of (parts by subject, tallies) that writes all of them after all earlier steps are done."""

    options: LoadOptions
    clock: Callable[[], int]

    def expand(self, inputs: tuple[beam.PCollection[Any], beam.PCollection[Any]]) -> Any:
        """Add up the tallies, join them with the parts, and write."""
        parts, tallies = inputs
        subject = self.options.contract.subject
        counted = (
            tallies
            | "BySubject" >> beam.Map(lambda tally: (subject, tally)).with_output_types(tuple[str, Tally])
            | "AddUp" >> beam.CombinePerKey(_AddUpFn())  # type: ignore[no-untyped-call] # of CombineFn
        )
        together = {"parts": parts, "tallies": counted} | "JoinPartsAndTallies" >> beam.CoGroupByKey()
        return together | "WriteTables" >> beam.ParDo(_LoadFn(self.options, self.clock))
