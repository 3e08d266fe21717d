"""Letters that can be read once their contract is there, and `headrace replay` as a process that is killed."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from headrace.config.key_files import write_key_file
from headrace.dead_letters.archive_key import ArchiveKey
from headrace.dead_letters.archive_reader import ArchiveReader
from headrace.dead_letters.archive_writer import ArchiveNames
from headrace.dead_letters.archived_letter import LetterSummary
from headrace.dead_letters.filters import Filter
from headrace.dev.demo.bookings import bookings
from headrace.schemas.samples import SAMPLES
from tests.faults.engine import Engine
from tests.faults.mix import Message
from tests.faults.oracle import Check
from tests.faults.world import World, until
from tests.support.paths import ROOT

SUBJECT: Final = "booking_created"
MATERIAL: Final = bytes(range(100, 132))
QUIET_SECONDS: Final = 3.0
# The collector has the letters, and a replay adds messages that no producer sent.
BUT: Final = [Check.TALLIES_DIFFER_FROM_LETTERS, Check.TALLIES_DIFFER_FROM_MESSAGES]


@dataclass
class Replaying:
    """A world with an archive of its letters."""

    world: World

    def __post_init__(self) -> None:
        self.key = write_key_file(self.world.folder / "archive.key", MATERIAL)
        self.world.settings |= {"archive_key_file": str(self.key)}
        names = ArchiveNames(self.world.project, self.world.names.archive)
        self.reader = ArchiveReader(self.world.bigquery, names, ArchiveKey.of(MATERIAL))
        self._numbers = itertools.count(1)

    def bookings(self, count: int) -> list[Message]:
        """Bookings of version 2."""
        made = bookings(count, self.world.mix.now, self.world.seed, versions=(2,))
        return [self.world.mix.booking(version, fields) for version, fields in made]

    def make_letters(self, messages: Sequence[Message], seconds: float = 60) -> None:
        """Let an engine refuse and collect them that knows version 1 only."""
        before = self.reader.count(Filter())
        self.world.publish(messages)
        engine = self.world.start(contracts=str(self._first_version()))
        until(lambda: self.reader.count(Filter()) == before + len(messages), engine, seconds)
        assert engine.drain() == 0, engine.tail()

    def start(self, *arguments: str, crash_at: str = "") -> Any:
        """Start ``headrace replay``, as a ``subprocess.Popen``; its log is :meth:`log`."""
        environment = {
            **os.environ,
            **self.world.places.environment,
            "PYTHONPATH": str(ROOT),
            "HEADRACE_CONTRACTS": str(SAMPLES),
            "HEADRACE_ARCHIVE_KEY_FILE": str(self.key),
            "HEADRACE_ACTOR": "faults",
            **({"HEADRACE_CRASH_AT": crash_at} if crash_at else {}),
        }
        command = ["", "replay", "--project", self.world.project, "--yes", "--json", *arguments]
        self.newest = self.world.folder / f"replay-{next(self._numbers)}.log"
        return Engine.spawn(command, environment, self.world.folder, self.newest)

    def run(self, *arguments: str, seconds: float = 120) -> dict[str, Any]:
        """Run ``headrace replay`` to its end; what it says."""
        process = self.start(*arguments)
        log = self.newest
        assert process.wait(seconds) == 0, log.read_text()
        report: dict[str, Any] = json.loads(log.read_text().splitlines()[-1])
        return report

    def crash(self, crash_at: str, *arguments: str) -> None:
        """Run it until it kills itself."""
        process = self.start(*arguments, crash_at=crash_at)
        log = self.newest
        assert process.wait(60) == -9, log.read_text()

    def kill_after(self, seconds: float, *arguments: str) -> bool:
        """Run it, and kill it so many seconds later; whether it was still running."""
        process = self.start(*arguments)
        threading.Event().wait(seconds)
        process.kill()
        return bool(process.wait() == -9)

    def rest(self, engine: Engine, rows: int, seconds: float = 90) -> None:
        """Wait until so many rows are there and nothing moves any more."""
        until(lambda: self.world.count(SUBJECT) >= rows, engine, seconds)
        seen, moved = self.world.tallied(), time.monotonic()
        while time.monotonic() - moved < QUIET_SECONDS:
            assert engine.is_alive, engine.tail()
            threading.Event().wait(0.25)
            now = self.world.tallied()
            if now != seen:
                seen, moved = now, time.monotonic()

    def check(self, engine: Engine) -> None:
        """Let the oracle judge: every event has one row, nothing is pending, the tallies balance."""
        assert engine.drain() == 0, engine.tail()
        self.world.check(self.world.evidence(), but=BUT)

    def letters(self) -> list[LetterSummary]:
        return self.reader.find(Filter(), 100_000)

    def _first_version(self) -> Path:
        """Contracts without version 2 of bookings, for a job that may refuse everything: no guard is to stop it."""
        folder = self.world.folder / "first-version"
        if not folder.exists():
            folder.mkdir()
            for path in SAMPLES.glob("*.avsc"):
                if path.name != "booking_created.v2.avsc":
                    contract = json.loads(path.read_text())
                    contract["headrace"]["refuse_at_most"] = "100%"
                    (folder / path.name).write_text(json.dumps(contract))
        return folder
