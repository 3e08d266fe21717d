"""A contract evolves while the job runs, under load: nothing is lost, doubled or wrong, and the other subject goes on.

    python -m tests.live_evolution [--events 50000]

publishes events of two versions of one subject in turns, and events of another subject at a steady rate. Then a third
version that cannot read the others lies in the folder for a while. It prints what the tables hold, and the rate at
which the other subject was written before, meanwhile and after.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Final

from headrace.dev.emulators import running_emulators
from tests.support.jobs import wait_for
from tests.support.live_contracts import INCOMPATIBLE, SECOND, Live, a_live_job, publishing

THINGS: Final = "thing_happened"
OTHERS: Final = "other_happened"
STEP: Final = 100
EVERY_SECONDS: Final = 0.2  # of the other subject: 500 events a second
WINDOW_SECONDS: Final = 10.0
WINDOWS: Final = 3
SECOND_FROM: Final = 1_000_000_000  # numbers of the second version
PATIENCE_SECONDS: Final = 300.0
Row = tuple[int, str | None]


def main() -> None:
    """Do what the options say."""
    parser = argparse.ArgumentParser(prog="python -m tests.live_evolution", description=__doc__)
    parser.add_argument("--events", type=int, default=50_000, help="events of the subject that evolves")
    count = parser.parse_args().events
    with tempfile.TemporaryDirectory() as name, running_emulators(Path(name) / "emulators") as running:
        os.environ.update(running.environment)
        with a_live_job("live-evolution", Path(name)) as live:
            print(json.dumps(evolve(live, count), indent=1))


def evolve(live: Live, count: int) -> dict[str, object]:
    """Run through all of it; the figures."""
    quarter = count // 4
    with publishing(lambda numbers: live.publish(f"{OTHERS}.v1", numbers), STEP, EVERY_SECONDS) as others:
        live.publish(f"{THINGS}.v1", range(quarter))
        live.folder.put(f"{THINGS}.v2", SECOND)
        live.provision()
        wait_for(lambda: live.version(THINGS) == 2)
        interleave(live, quarter, quarter)
        wait_for(lambda: written(live, THINGS) >= 3 * quarter, PATIENCE_SECONDS)
        before = rates(live)
        live.folder.put(f"{THINGS}.v3", INCOMPATIBLE)
        wait_for(lambda: live.problem(THINGS) != "")
        problem, held = live.problem(THINGS), written(live, THINGS)
        live.publish(f"{THINGS}.v1", range(2 * quarter, 3 * quarter))
        meanwhile = rates(live)
        held = written(live, THINGS) - held
        live.folder.remove(f"{THINGS}.v3")
        wait_for(lambda: live.problem(THINGS) == "")
        wait_for(lambda: written(live, THINGS) >= 4 * quarter, PATIENCE_SECONDS)
        after = rates(live)
    wait_for(lambda: written(live, OTHERS) >= others(), PATIENCE_SECONDS)
    expected = Counter[Row]((number, None) for number in range(3 * quarter))
    expected += Counter((SECOND_FROM + number, f"B{SECOND_FROM + number}") for number in range(quarter))
    return {
        **compared("things", expected, Counter(live.rows())),
        **compared("others", Counter[Row]((number, None) for number in range(others())), Counter(live.rows("others"))),
        "problem": problem,
        "events of the held subject written meanwhile": held,
        "others, events/s": {"before": before, "meanwhile": meanwhile, "after": after},
        "meanwhile / before": round(median(meanwhile) / median(before), 3),
        "job restarted": live.job.poll() is not None,
    }


def interleave(live: Live, first: int, count: int) -> None:
    """Publish *count* events of each version in turns; those of the first one are numbered from *first*."""
    for start in range(0, count, STEP):
        end = min(start + STEP, count)
        live.publish(f"{THINGS}.v1", range(first + start, first + end))
        live.publish(f"{THINGS}.v2", range(SECOND_FROM + start, SECOND_FROM + end))


def written(live: Live, subject: str) -> int:
    """The events of a subject that the engine has written."""
    return live.reported(subject).counts.get("written", 0)


def rates(live: Live) -> list[int]:
    """Events of the other subject that are written a second, in each of a few windows."""
    found = []
    for _ in range(WINDOWS):
        begun, before = time.monotonic(), written(live, OTHERS)
        threading.Event().wait(WINDOW_SECONDS)
        found.append(round((written(live, OTHERS) - before) / (time.monotonic() - begun)))
    return found


def compared(what: str, expected: Counter[Row], rows: Counter[Row]) -> dict[str, int]:
    """How many rows are lost, doubled and wrong."""
    return {
        f"{what}: events": expected.total(),
        f"{what}: lost": (expected - rows).total(),
        f"{what}: doubled": sum(count - 1 for row, count in rows.items() if row in expected),
        f"{what}: wrong": sum(count for row, count in rows.items() if row not in expected),
    }


if __name__ == "__main__":
    main()
