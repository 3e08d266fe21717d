"""Read files of history instead of subscriptions. One worker reads each file, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam

from headrace.backfill.file_rounds import Task, rounds
from headrace.backfill.files import File
from headrace.core.message import Message


class _ReadFn(beam.DoFn):
    def __init__(self, task: Task) -> None:
        self._task = task

    def process(self, file: File) -> Iterator[list[Message]]:
        for each in rounds(replace(self._task, files=[file])):
            if each.messages:
                yield each.messages


@dataclass
class ReadFiles(beam.PTransform[Any, Any]):
    """A transform that reads the files of *task* into lists of messages.

    It raises BackfillError for a file that cannot be backfilled.
    """

    task: Task = field(repr=False)

    def expand(self, begin: Any) -> beam.PCollection[Any]:
        """Distribute the files over workers; their lines stay in the same stage."""
        files = begin | "ListFiles" >> beam.Create(list(self.task.files), reshuffle=False)
        distributed = files | "DistributeFiles" >> beam.Reshuffle()
        lines: beam.PCollection[Any] = distributed | "ReadLines" >> beam.ParDo(_ReadFn(replace(self.task, files=[])))
        return lines
