"""How long an operator waits for a list, for a letter and for a replay, with many letters in the archive.

``LETTERS=100000 python -m benchmarks.dead_letters`` prints one JSON object: seconds inside a process that has
everything imported, and seconds of the command as a shell runs it; then all letters are replayed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from headrace.cli.app import app
from headrace.config.key_files import write_key_file
from headrace.config.settings import load_settings
from headrace.console.archive_access import open_archive
from headrace.core.dead_letter import Reason
from headrace.dead_letters.letter import Letter, as_pieces
from headrace.dev.emulators import running_emulators
from headrace.runtime import processes
from headrace.schemas.envelope import Envelope
from headrace.schemas.samples import SAMPLES
from tests.support.builders import BOOKING, a_booking, encode
from tests.support.letters import NOW, a_letter, provision_archive

BATCH = 5000
TIMES = 3
COMMAND = Path(sys.executable).parent / "headrace"
LIST = ["dead-letters", "list", "--group-by", "reason,subject,hour"]


def letters(count: int) -> Iterator[Letter]:
    """Letters of every reason, over the last days."""
    reasons = list(Reason)
    one = a_letter(
        data=encode(BOOKING, a_booking(created_at=NOW)),
        attributes=Envelope("e", BOOKING.ref, NOW, "/shop").to_attributes(),
        first_published_at=NOW,
    )
    for number in range(count):
        yield replace(
            one,
            id=f"{number * 2654435761 % 2**64:016x}{number % 2**16:04x}",
            reason=reasons[number % len(reasons)],
            refused_at=NOW - timedelta(seconds=number % 200_000),
            message_id=str(number),
            attributes={**one.attributes, "ce-id": f"e{number}"},
        )


def fill(count: int) -> float:
    """Put *count* letters into the archive; how many seconds that took."""
    archive, began = open_archive(load_settings()), time.perf_counter()
    batch: list[Any] = []
    for letter in letters(count):
        batch += as_pieces(letter)
        if len(batch) == BATCH:
            archive.append_letters(batch)
            batch = []
    archive.append_letters(batch)
    return time.perf_counter() - began


def inside(arguments: list[str]) -> float:
    """Seconds of a command in this process; the best of a few."""
    return min(_inside(arguments) for _ in range(TIMES))


def _inside(arguments: list[str]) -> float:
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        app(arguments, standalone_mode=False)
    return time.perf_counter() - began


def as_process(arguments: list[str]) -> float:
    """Seconds of a command as a process; the best of a few."""
    return min(_as_process(arguments) for _ in range(TIMES))


def _as_process(arguments: list[str]) -> float:
    began = time.perf_counter()
    processes.run([str(COMMAND), *arguments]).check_returncode()
    return time.perf_counter() - began


def replay() -> dict[str, Any]:
    """Send all of them again, as a process: letters a second, and its resident memory while it sends."""
    began, held = time.perf_counter(), []
    command = [str(COMMAND), "replay", "--yes", "--json"]
    with processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as it:
        watched = psutil.Process(it.pid)
        while it.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                held.append((time.perf_counter() - began, watched.memory_info().rss / 2**20))
            time.sleep(0.5)
        said = json.loads(it.communicate()[0])["result"]
    seconds = time.perf_counter() - began
    sending = [mib for at_, mib in held if at_ > seconds - said["seconds"] and mib]
    return {
        "sent": said["sent"],
        "letters_a_second": round(said["sent"] / said["seconds"]),
        "process": round(seconds, 1),
        "rss_mib": {"first": round(sending[1]), "last": round(sending[-2]), "most": round(max(sending))},
    }


def main() -> None:
    count = int(os.environ.get("LETTERS", "100000"))
    with tempfile.TemporaryDirectory() as name, running_emulators(Path(name)) as emulators:
        key = write_key_file(Path(name) / "archive.key", os.urandom(32))
        os.environ |= emulators.environment
        os.environ |= {"HEADRACE_PROJECT": "benchmark", "HEADRACE_CONTRACTS": str(SAMPLES)}
        os.environ["HEADRACE_ARCHIVE_KEY_FILE"] = str(key)
        provision_archive(load_settings())
        filled = fill(count)
        show = ["dead-letters", "show", next(letters(1)).id]
        measured: dict[str, Any] = {
            "letters": count,
            "seconds_to_fill": round(filled, 1),
            "cpus": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
        }
        for kind, arguments in (("list_group_by", LIST), ("list", LIST[:2]), ("show", show)):
            measured[kind] = {"inside": round(inside(arguments), 2), "process": round(as_process(arguments), 2)}
        measured["replay"] = replay()
        print(json.dumps(measured))


if __name__ == "__main__":
    main()
