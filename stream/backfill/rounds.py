"""Rounds of messages out of files, in their order: what is read and encoded, in this process or in another."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.registry import Contract
from stream.backfill.errors import CutOffError
from stream.backfill.events import Events, Place
from stream.backfill.files import File, opened
from stream.backfill.mapping import Mapping as ColumnMapping
from stream.backfill.readers import Line, Reader
from stream.message import Message

ROUND_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be read. *settled*: how many lines of a file, by its key, have their fate. *now* in microseconds.

    *loaded*: by a load job, which takes events that are older than what is streamed may be.
    """

    contract: Contract
    mapping: ColumnMapping
    files: Sequence[File]
    now: int
    at_most: int = 5000
    settled: Mapping[str, int] = field(default_factory=dict)
    loaded: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """Some messages, at the end of a file none. *place* says up to which line of its file they go.

    *fraction* of all files is read then, and *settled_before* of all lines were passed over.
    """

    messages: list[Message] = field(repr=False)
    place: str
    size: int
    fraction: float
    settled_before: int


def rounds(task: Task) -> Generator[Round, None, None]:
    """Read all of *task*; raises BackfillError when a file cannot be written as it is."""
    events = Events(task.contract, task.mapping, task.now, task.loaded)
    before, passed, total = 0, 0, max(sum(each.size for each in task.files), 1)
    for file in task.files:
        with opened(file) as (content, raw):
            reader = Reader(file.place, file.kind, content, task.mapping.delimiter)
            place = Place(file.name, file.key, min(file.modified_at, task.now), reader.texts)
            lines = _checked(reader.lines, events, place) if reader.uniform else reader.lines
            for messages, number, size, count in _cut(lines, events, place, task):
                fraction = min(before + raw.tell(), total) / total
                yield Round(messages, f"{place.key}:{number}", size, fraction, passed + count)
            passed += count
        before += file.size


def _checked(lines: Iterator[Line], events: Events, place: Place) -> Iterator[Line]:
    """The same lines; the first that can be read shows whether the columns are those that are wanted."""
    unchecked = True
    for line in lines:
        if unchecked and not line.problem:
            events.check_columns(line.values.keys(), place)
            unchecked = False
        yield line


def _cut(
    lines: Iterator[Line], events: Events, place: Place, task: Task
) -> Iterator[tuple[list[Message], int, int, int]]:
    """Messages, the number of their last line, their bytes, and how many lines were settled; at last what is left."""
    settled = task.settled.get(place.key, 0)
    messages: list[Message] = []
    size = number = passed = 0
    cut_off: CutOffError | None = None
    try:
        for line in lines:
            if line.number <= settled:
                passed += 1
                continue
            message = events.message(line, place)
            messages.append(message)
            size, number = size + len(message.data), line.number
            if len(messages) >= task.at_most or size >= ROUND_BYTES:
                yield messages, number, size, passed
                messages, size = [], 0
    except CutOffError as error:
        cut_off = error
    yield messages, number, size, passed
    if cut_off is not None:
        raise cut_off
