"""Source of lines of files: each line becomes a message, and acknowledging messages stores a file's progress.

A file is identified by its path, size, time and everything that affects its messages. A changed file, or one that is
read with another mapping, starts from its beginning; rows that it has already written are found in the table.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TypeAlias

from headrace.backfill.file_rounds import Round, Task
from headrace.backfill.finite_source import FiniteSource
from headrace.engine.journal import Journal
from headrace.engine.pulled import Pulled
from headrace.engine.retry import RetryPolicy
from headrace.engine.transaction import Transaction

Reading: TypeAlias = Callable[[Task], Generator[Round, None, None]]


class FileSource(FiniteSource):
    """Lines of files; *read* yields the rounds of a task.

    Without a journal every line is read, and no progress is stored.
    """

    def __init__(
        self, task: Task, read: Reading, journal: Journal | None, retry: RetryPolicy, stop: threading.Event
    ) -> None:
        super().__init__(journal, retry, stop)
        self._task = task
        self._table = task.contract.options.table
        self._read = read
        self._rounds: Generator[Round, None, None] | None = None
        self.fraction = 0.0  # part of all files that is read; any thread may read this
        self.settled_before = 0  # lines that an earlier run settled

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Read the next lines, as many as the task allows; set *stop* at the end of the last file."""
        if self._rounds is None:
            self._rounds = self._read(replace(self._task, settled=self._settled()))
        for each in self._rounds:
            self.fraction, self.settled_before = each.fraction, each.settled_before
            if each.messages:
                return [Pulled(each.messages, [each.place], 0.0, each.size)]
        return self._end()

    def stop(self) -> None:
        """Close the source; lines that were not acknowledged are read again by the next run."""
        if self._rounds is not None:
            self._rounds.close()

    def _settled(self) -> dict[str, int]:
        journal = self._noted_in
        return {} if journal is None else {each.key: journal.place(self._table, each.key) for each in self._task.files}

    def _note(self, transaction: Transaction, token: str) -> None:
        key, _, line = token.rpartition(":")
        transaction.note_place(self._table, key, int(line))
