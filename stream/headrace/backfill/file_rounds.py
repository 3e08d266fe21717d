"""Rounds of messages from files, in order. This process or another one reads and encodes them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from headrace.backfill.backfill_errors import BackfillError, CutOffError
from headrace.backfill.file_line import Lines
from headrace.backfill.files import File, opened
from headrace.backfill.line_events import STREAMED_DAYS, BadLine, Events, Place
from headrace.backfill.mapping import Mapping as ColumnMapping
from headrace.backfill.readers import Reader
from headrace.core.message import Message
from headrace.schemas.registry import Contract

ROUND_BYTES: Final = 32 * 1024 * 1024
SAMPLE_LINES: Final = 1_000  # at the beginning of a file: if all are refused for the same reason, the file is refused
FEWEST_LINES: Final = 10  # of a file that can be refused in this way


@dataclass(frozen=True, slots=True)
class Task:
    """Files to read. *settled* is the number of settled lines of a file, by its key. *now* is in microseconds.

    *loaded* means that a load job writes the rows, which accepts older events than streaming does.
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
    """Some messages; none at the beginning of a file. *place* is the file's key and the number of their last line.

    *fraction* of all files is read at that point, and *settled_before* lines were skipped as settled.
    """

    messages: list[Message] = field(repr=False)
    place: str
    size: int
    fraction: float
    settled_before: int


def rounds(task: Task) -> Generator[Round, None, None]:
    """Read all files of *task*; raises BackfillError for a file that cannot be written as it is."""
    events = Events(task.contract, task.mapping, task.now, task.loaded)
    before, passed, total = 0, 0, max(sum(each.size for each in task.files), 1)
    for file in task.files:
        settled = task.settled.get(file.key, 0)
        yield Round([], f"{file.key}:{settled}", 0, before / total, passed)
        with opened(file) as (content, raw):
            reader = Reader(file.place, file.kind, content, task.mapping.delimiter)
            place = Place(file.name, file.key, _written_at(file, task.now), reader.texts)
            if reader.columns is not None:
                events.check_columns(reader.columns, place)
            for messages, number, size, count in _cut(reader.lines, events, place, task):
                fraction = min(before + raw.tell(), total) / total
                yield Round(messages, f"{place.key}:{number}", size, fraction, passed + count)
            passed += count
        before += file.size


def _written_at(file: File, now: int) -> int:
    """Return the time at which *file* was written; now if that is in the future, or too old for the tables."""
    oldest = now - timedelta(days=STREAMED_DAYS) // timedelta(microseconds=1)
    return file.modified_at if oldest < file.modified_at <= now else now


def _cut(lines: Lines, events: Events, place: Place, task: Task) -> Iterator[tuple[list[Message], int, int, int]]:
    """Yield the messages of a file in parts.

    A part has messages, the number of their last line, their bytes, and the number of settled lines so far. The last
    part has the remaining messages.
    """
    settled = task.settled.get(place.key, 0)
    messages: list[Message] = []
    size = number = settled_lines = 0
    sample = _Sample(place) if not settled and task.contract.options.refuse_at_most < 100 else None
    cut_off: CutOffError | None = None
    try:
        for line in lines:
            if line.number <= settled:
                settled_lines += 1
                continue
            message = events.message(line, place)
            messages.append(message)
            size, number = size + len(message.data), line.number
            if sample is not None and not sample.goes_on(message):
                sample = None
            if size >= ROUND_BYTES or (len(messages) >= task.at_most and sample is None):
                yield messages, number, size, settled_lines
                messages, size = [], 0
    except CutOffError as error:
        cut_off = error
    if sample is not None:
        sample.end()
    yield messages, number or settled, size, settled_lines
    if cut_off is not None:
        raise cut_off


class _Sample:
    """First lines of a file, held back until one is an event or is refused for another reason."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lines = 0
        self._first = self._reason = ""

    def goes_on(self, message: Message) -> bool:
        """Return whether all lines so far are refused for one reason; raises BackfillError after SAMPLE_LINES."""
        if not isinstance(message, BadLine) or (self._lines and message.reason != self._reason):
            return False
        if not self._lines:
            self._first, self._reason = message.problem, message.reason
        self._lines += 1
        if self._lines >= SAMPLE_LINES:
            self._refuse(f"each of its first {self._lines:,} lines")
        return True

    def end(self) -> None:
        """Check the sample of a file that has no more lines."""
        if self._lines >= FEWEST_LINES:
            self._refuse(f"each of its {self._lines:,} lines")

    def _refuse(self, lines: str) -> None:
        raise BackfillError(
            f"{self._place.name}: {lines} is refused, and for one reason: {self._first}. Nothing of it was written: "
            "correct the file or the mapping, and run it again"
        )
