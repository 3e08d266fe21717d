"""Files of history in place of subscriptions: each is read by one worker, line after line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam

from headrace.backfill.file_rounds import Task, rounds
from headrace.backfill.files import File
from headrace.core.message import Message


class _ReadFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, task: Task) -> None:
        self._task = task

    def process(self, file: File) -> Iterator[list[Message]]:
        for each in rounds(replace(self._task, files=[file])):
            if each.messages:
                yield each.messages


@dataclass
class ReadFiles(beam.PTransform):  # type: ignore[misc]
    """Read the files of *task* into lists of messages; fails with BackfillError when one cannot be written as it is."""

    task: Task = field(repr=False)

    def expand(self, begin: Any) -> beam.PCollection:
        """A file is the unit of work; lines go on in the same stage."""
        files = begin | "Files" >> beam.Create(list(self.task.files), reshuffle=False)
        spread = files | "Spread" >> beam.Reshuffle()
        return spread | "ReadLines" >> beam.ParDo(_ReadFn(replace(self.task, files=[])))
