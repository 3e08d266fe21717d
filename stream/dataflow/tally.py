"""Tally as Beam carries it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import apache_beam as beam

from stream.append import AppendError, TableAppender
from stream.clients import open_write
from stream.tallies import Tally, add_up
from stream.tally import tally_lines


def _new_id() -> str:
    return str(uuid4())


class _TallyFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, project: str, table: str, clock: Callable[[], int]) -> None:
        self._project = project
        self._table = table
        self._clock = clock

    def setup(self) -> None:
        self._appender = TableAppender(open_write(self._project), self._table)

    def start_bundle(self) -> None:
        self._tallies: list[Tally] = []

    def process(self, tally: Tally) -> None:
        self._tallies.append(tally)

    def finish_bundle(self) -> None:
        if not self._tallies:
            return
        refused = self._appender.append(tally_lines(add_up(self._tallies), self._clock(), _new_id))
        if refused:
            raise AppendError(f"{self._table}: {refused[0].detail}; run `headrace provision`")

    def teardown(self) -> None:
        self._appender.close()


@dataclass
class AppendTallies(beam.PTransform):  # type: ignore[misc]
    """Add up the tallies of a bundle and append them."""

    project: str
    table: str
    clock: Callable[[], int]

    def expand(self, tallies: beam.PCollection) -> Any:
        """Add up and append."""
        return tallies | "AddUpAndAppend" >> beam.ParDo(_TallyFn(self.project, self.table, self.clock))
