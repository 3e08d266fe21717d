"""One stretch of fuzzing, in a process that may die: ``python -m tests.fuzz.child SEED FIRST BATCHES SAVED``.

Before a batch is read its number is written to the file SAVED, so that the parent knows what it died of.
The last line of stdout is what was found, as JSON.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas.columns import Columns, decoder_kind
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.steps.decode.fallback import FallbackColumns
from headrace.steps.decode.record_batch import columns_for, to_batch
from tests.fuzz.corpus import Subject, load
from tests.fuzz.mutate import mutated
from tests.support.readers import ordered, plain
from tests.support.writing import write_again

BATCH = 100
FALLBACK_EVERY = 10  # one of so many batches is read by the pure-Python fallback and the strict decoder too
CPU_SECONDS = 0.050 if decoder_kind() == "compiled" else 0.500  # the pure-Python fallback is several times slower
MEASURED = 3  # times that a payload above the limit is measured; the least counts, because other processes disturb
EXTRA_KIB = 50 * 1024


@dataclass
class Findings:
    """What a stretch has found; *bad* describes what must not be, with the payload in hexadecimal."""

    payloads: int = 0
    accepted: int = 0
    unchanged: int = 0
    canonical: int = 0
    compared: int = 0
    slowest_ms: float = 0.0
    most_kib: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    bad: list[dict[str, str]] = field(default_factory=list)


class Fuzzer:
    """Reads batches of bad payloads of one subject after the other."""

    def __init__(self, seed: int, subjects: list[Subject]) -> None:
        self.found = Findings()
        self._seed = seed
        self._subjects = subjects
        self._columns = [columns_for(subject.reader.record) for subject in subjects]
        self._strict = [compile_decoder(subject.writer.record, subject.reader.record) for subject in subjects]
        self._fallbacks = [FallbackColumns(subject.reader.record) for subject in subjects]
        self._schemas = [plain(arrow_schema(subject.reader.record)) for subject in subjects]

    def batch(self, number: int) -> None:
        """Make and read one batch."""
        random = Random(f"{self._seed} {number}")
        place = number % len(self._subjects)
        subject = self._subjects[place]
        messages = [mutated(random, subject.payloads) for _ in range(BATCH)]
        try:
            read, refused = self._measured(place, messages)
            self._check(number, place, messages, read, refused)
        except Exception as error:  # any error is a finding
            self._bad(f"raised {type(error).__name__}: {error}", subject, b"".join(messages))

    def _measured(
        self, place: int, messages: list[bytes], times: int = MEASURED
    ) -> tuple[list[Any], dict[int, UndecodableError]]:
        began, resident = time.process_time(), _resident()
        batch, refused = self._read(self._columns[place], place, messages)
        spent, extra = time.process_time() - began, _resident() - resident
        if len(messages) > 1 and (spent > CPU_SECONDS or extra > EXTRA_KIB):
            for message in messages:  # which of them was it?
                self._measured(place, [message])
        elif spent > CPU_SECONDS and times > 1:
            return self._measured(place, messages, times - 1)
        else:
            if spent > CPU_SECONDS:
                self._bad(f"took {spent * 1000:.0f} ms", self._subjects[place], messages[0])
            if extra > EXTRA_KIB:
                self._bad(f"took {extra} KiB", self._subjects[place], messages[0])
            self.found.slowest_ms = max(self.found.slowest_ms, spent * 1000)
            self.found.most_kib = max(self.found.most_kib, extra)
        batch.validate(full=True)
        return [list(row) for row in zip(*(each.to_pylist() for each in batch.columns), strict=True)], refused

    def _read(self, columns: Columns, place: int, messages: list[bytes]) -> tuple[Any, dict[int, UndecodableError]]:
        refused = dict(columns.read([self._subjects[place].writer.record] * len(messages), messages))
        return to_batch(columns.finish(), self._schemas[place]), refused

    def _check(
        self,
        number: int,
        place: int,
        messages: list[bytes],
        read: list[Any],
        refused: dict[int, UndecodableError],
    ) -> None:
        found, subject = self.found, self._subjects[place]
        found.payloads += len(messages)
        found.accepted += len(read)
        found.refused.update(_kind(error) for error in refused.values())
        accepted = [message for index, message in enumerate(messages) if index not in refused]
        if len(accepted) != len(read):
            self._bad("rows and messages that were accepted differ in number", subject, b"".join(messages))
            return
        if subject.writer is subject.reader:
            for message, values in zip(accepted, read, strict=True):
                self._check_meaning(place, message, values)
        if number % FALLBACK_EVERY == 0 or subject.writer is not subject.reader:
            self._check_fallback(place, messages, [repr(ordered(row)) for row in read], refused)

    def _check_meaning(self, place: int, message: bytes, values: list[Any]) -> None:
        """What is accepted is what it becomes when it is written again, or reads the same as that."""
        subject = self._subjects[place]
        again = write_again(subject.writer, values)
        if again == message:
            self.found.unchanged += 1
        elif repr(self._strict[place](again)) == repr(values):
            self.found.canonical += 1
        else:
            self._bad("accepted, and reads otherwise when it is written again", subject, message)

    def _check_fallback(
        self, place: int, messages: list[bytes], read: list[str], refused: dict[int, UndecodableError]
    ) -> None:
        """Check that the fallback and the strict decoder give the same."""
        subject, strict = self._subjects[place], self._strict[place]
        batch, also = self._read(self._fallbacks[place], place, messages)
        rows = [repr(ordered(list(row))) for row in zip(*(each.to_pylist() for each in batch.columns), strict=True)]
        errors = {index: str(error) for index, error in refused.items()}
        if rows != read or {index: str(error) for index, error in also.items()} != errors:
            self._bad("the fallback says otherwise", subject, b"".join(messages))
        left = iter(read)
        for index, message in enumerate(messages):
            try:
                agreed = repr(ordered(strict(message))) == next(left)
            except UndecodableError as error:
                agreed = errors.get(index) == str(error)
            if not agreed:
                self._bad("the strict decoder says otherwise", subject, message)
        self.found.compared += len(messages)

    def _bad(self, why: str, subject: Subject, message: bytes) -> None:
        if len(self.found.bad) < 20:
            self.found.bad.append({"why": why, "contract": subject.writer.json, "payload": message[:5000].hex()})


def _kind(error: UndecodableError) -> str:
    return "bytes follow the last field" if "follow the last field" in error.why else error.why


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(seed: int, first: int, batches: int, saved: Path) -> None:
    """Fuzz *batches* batches from number *first* on."""
    fuzzer = Fuzzer(seed, load())
    gc.collect()
    gc.freeze()  # or a collection of the corpus counts as time of the payload in which it comes
    with saved.open("wb", buffering=0) as file:
        for number in range(first, first + batches):
            file.seek(0)
            file.write(b"%d" % number)
            fuzzer.batch(number)
    print(json.dumps(vars(fuzzer.found)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
