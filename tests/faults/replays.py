"""``python -m tests.faults.replays``: thousands of letters replayed by processes that are killed, the job running.

A quarter is replayed in peace, for its rate; half under kills; the rest by two at once. The last line is one JSON
object; the oracle has the last word.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from headrace.dead_letters.facts import State
from headrace.dev.emulators import running_emulators
from tests.faults.operations import SETTINGS
from tests.faults.places import Places
from tests.faults.replaying import SUBJECT, Replaying
from tests.faults.world import World, a_world

LETTERS: Final = int(os.environ.get("REPLAY_LETTERS", "20000"))
KILLS: Final = int(os.environ.get("REPLAY_KILLS", "50"))
_SECONDS: Final = 2.0  # that one killed replay would send letters for
_STARTING: Final = (0.3, 6.0)  # a moment from its start: it starts, plans, sends, has ended


def kill(replaying: Replaying, chance: random.Random) -> int:
    """Kill so many replays; how many had ended before."""
    each = max(1, LETTERS // 2 // KILLS)
    killed = missed = 0
    while killed < KILLS:
        arguments = ["--max", str(each), "--rate", str(each / _SECONDS)]
        if replaying.kill_after(chance.uniform(*_STARTING), *arguments):
            killed += 1
        else:
            missed += 1
        print(f"  {killed} killed, {missed} had ended", file=sys.stderr, flush=True)
    return missed


def measure(world: World) -> dict[str, Any]:
    """Refuse, replay, kill, replay twice at once; AssertionError when something is wrong."""
    began, replaying = time.monotonic(), Replaying(world)
    replaying.make_letters(replaying.bookings(LETTERS), 60 + LETTERS / 50)
    engine = world.start()
    in_peace = replaying.run("--max", str(LETTERS // 4), seconds=600)["result"]
    missed = kill(replaying, world.mix.chance)
    both = [replaying.start(), replaying.start()]
    assert [each.wait(600) for each in both] == [0, 0]
    replaying.rest(engine, LETTERS, 600)
    again = replaying.run(seconds=600)
    assert again["result"] is None, "something was left to be sent"
    assert world.count(SUBJECT) == LETTERS
    assert {each.state for each in replaying.letters()} == {State.REPLAYED}
    tallied = world.tallied()
    replaying.check(engine)
    return {
        "seed": world.seed,
        "letters": LETTERS,
        "kills": KILLS,
        "ended_before_the_kill": missed,
        "rows": LETTERS,
        "sent_twice": tallied.get((SUBJECT, "duplicate", None), 0),
        "letters_a_second": round(in_peace["sent"] / in_peace["seconds"]),
        "seconds": round(time.monotonic() - began),
        "violations": 0,
    }


def main() -> int:
    """Measure; 1 when something is wrong."""
    seed = random.SystemRandom().randrange(10**8)
    with (
        tempfile.TemporaryDirectory() as name,
        running_emulators(Path(name)) as emulators,
        a_world(Path(name), seed, f"replays-{seed}", Places.of(emulators), **SETTINGS) as world,
    ):
        try:
            report = measure(world)
        except AssertionError as wrong:
            print(f"replays, seed {seed}: {wrong}")
            return 1
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
