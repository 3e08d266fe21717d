"""Files in place of a subscription: lines are taken as messages, and what is acknowledged is how far a file is settled.

A file is known by its path, size, time and all that decides what its lines become, so one that has changed, or is read
with another mapping, begins anew; what it wrote before is found in the table.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from schemas.registry import Contract
from stream.backfill.errors import BackfillError, CutOffError
from stream.backfill.events import Events, Place
from stream.backfill.mapping import Mapping
from stream.backfill.readers import KINDS, Line, Reader
from stream.engine.journal import Journal
from stream.engine.patience import NEEDS_ROOM, Patience
from stream.engine.puller import Pulled
from stream.message import Message

ROUND_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """One file to be read, as it was when it was looked at; *modified_at* in microseconds."""

    path: Path
    key: str
    modified_at: int
    size: int


def look_at(paths: Sequence[Path], contract: Contract, mapping: Mapping) -> list[File]:
    """Look whether each file is there, and of a format that can be read; opens none.

    Raises:
        BackfillError: one is not.
    """
    return [_look_at(path, f"{contract.fingerprint} {mapping.digest}") for path in dict.fromkeys(paths)]


def _look_at(path: Path, reading: str) -> File:
    if path.suffix.lower() not in KINDS:
        raise BackfillError(f"{path}: not a format that is known by its ending; use {', '.join(KINDS)}")
    try:
        path, status = path.resolve(strict=True), path.stat()
    except OSError as error:
        raise BackfillError(f"{path}: cannot be read ({error.strerror}); name files that are there") from error
    if not path.is_file():
        raise BackfillError(f"{path}: no file; name the files themselves")
    name = f"{path} {status.st_size} {status.st_mtime_ns} {reading}"
    key = hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=10).hexdigest()
    return File(path, key, status.st_mtime_ns // 1000, status.st_size)


class FileSource:
    """Stands in for the puller of one subject; *now* in microseconds. At the end it sets *stop*.

    Without a journal every line is read, and none is settled.
    """

    def __init__(
        self,
        files: Sequence[File],
        events: Events,
        mapping: Mapping,
        journal: Journal | None,
        patience: Patience,
        stop: threading.Event,
        now: int,
    ) -> None:
        self._files = list(files)
        self._events = events
        self._mapping = mapping
        self._journal = journal
        self._patience = patience
        self._stop = stop
        self._now = now
        self._at_most = 1
        self._rounds = self._all_rounds()
        self.fraction = 0.0  # of all files that is read; any thread may look
        self.settled_before = 0  # lines, by an earlier run
        self.finished = False

    @property
    def drained_at(self) -> int:
        """Files say nothing of what is published."""
        return 0

    def start(self) -> None:
        """Nothing to begin: files are read as they are taken."""

    def take(self, at_most: int, wait_seconds: float) -> list[Pulled]:
        """Read the next lines, up to *at_most*; at the end of the last file, say stop."""
        self._at_most = at_most
        pulled = next(self._rounds, None)
        if pulled is None:
            self.finished = True
            self._stop.set()
            return []
        return [pulled]

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Note how far the files are settled."""
        for each in pulled:
            for token in each.ack_ids:
                self._patience.insist(NEEDS_ROOM, partial(self._note, token))

    def stop(self) -> None:
        """Close what is open; what was not acknowledged is read again by the next run."""
        self._rounds.close()

    def _note(self, token: str) -> None:
        assert self._journal is not None  # noqa: S101 without one nothing is acknowledged
        key, _, line = token.rpartition(":")
        with self._journal.transaction() as transaction:
            transaction.note_place(key, int(line))

    def _all_rounds(self) -> Generator[Pulled, None, None]:
        before, total = 0, max(sum(each.size for each in self._files), 1)
        for file in self._files:
            with file.path.open("rb") as opened:
                reader = Reader(file.path, opened, self._mapping.delimiter)
                place = Place(file.path.name, file.key, min(file.modified_at, self._now), reader.texts)
                lines = self._checked(reader.lines, place) if reader.uniform else reader.lines
                for pulled in self._file_rounds(lines, place):
                    self.fraction = (before + reader.fraction * file.size) / total
                    yield pulled
            before += file.size

    def _checked(self, lines: Iterator[Line], place: Place) -> Iterator[Line]:
        """The same lines; the first that can be read shows whether the columns are those that are wanted."""
        unchecked = True
        for line in lines:
            if unchecked and not line.problem:
                self._events.check_columns(line.values.keys(), place)
                unchecked = False
            yield line

    def _file_rounds(self, lines: Iterator[Line], place: Place) -> Iterator[Pulled]:
        settled = 0 if self._journal is None else self._journal.place(place.key)
        messages: list[Message] = []
        size = number = 0
        cut_off: CutOffError | None = None
        try:
            for line in lines:
                if line.number <= settled:
                    self.settled_before += 1
                    continue
                message = self._events.message(line, place)
                messages.append(message)
                size, number = size + len(message.data), line.number
                if len(messages) >= self._at_most or size >= ROUND_BYTES:
                    yield Pulled(messages, [f"{place.key}:{number}"], 0.0, size)
                    messages, size = [], 0
        except CutOffError as error:
            cut_off = error
        if messages:
            yield Pulled(messages, [f"{place.key}:{number}"], 0.0, size)
        if cut_off is not None:
            raise cut_off
