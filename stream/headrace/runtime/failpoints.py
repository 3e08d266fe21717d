"""Failpoints: named places in the code where a test can kill the process, by ``HEADRACE_CRASH_AT=name:nth``.

docs/failpoints.md lists them. Without the variable, a failpoint costs one call of an empty function.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Final

from headrace.errors import Exit, HeadraceError

ENGINE: Final = frozenset(
    {
        "claimed",
        "stream_finalised",
        "stream_opened",
        "pending_batch_moved",
        "recovered",
        "pulled",
        "decoded",
        "looked_up",
        "letters_published",
        "before_commit",
        "committed",
        "append_sent",
        "appended",
        "before_outcome",
        "outcome_committed",
        "acknowledged",
        "refusal_published",
        "refusal_committed",
        "tally_committed",
        "tally_appended",
        "tally_settled",
        "ids_turned",
        "drained",
    }
)
REPLAY: Final = frozenset(
    {"replay_began", "replay_read", "replay_sent", "replay_published", "replay_noted", "replay_ended"}
)
BACKFILL: Final = frozenset({"day_spooled", "day_swapped"})
NAMES: Final = ENGINE | REPLAY | BACKFILL


class FailpointError(HeadraceError, ValueError, error_code="HR-304", exit_code=Exit.CONFIGURATION):
    """``HEADRACE_CRASH_AT`` names an unknown failpoint or an invalid number."""


def crashing_at(plan: str) -> Callable[[str], None]:
    """Return a function that kills this process, as ``kill -9`` does, at the nth call with the name in *plan*.

    Raises:
        FailpointError: *plan* is not ``name:nth`` with a known name and a number of at least 1.
    """
    name, _, text = plan.partition(":")
    if name not in NAMES or not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise FailpointError(f"HEADRACE_CRASH_AT: write name:nth; names are {', '.join(sorted(NAMES))}")
    nth, lock, reached_before = int(text), threading.Lock(), 0

    def reach(here: str) -> None:
        nonlocal reached_before
        if here != name:
            return
        with lock:
            reached_before += 1
            if reached_before == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    return reach


def _pass(name: str) -> None:
    """Do nothing: no failpoint is set."""


_PLAN: Final = os.environ.get("HEADRACE_CRASH_AT")
reached: Final[Callable[[str], None]] = crashing_at(_PLAN) if _PLAN else _pass
