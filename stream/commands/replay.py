"""``headrace replay``: first what it would do, then it is done, with how far it is."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from stream.clients import open_gapic_publisher
from stream.commands.archive import open_archive
from stream.commands.letters import confirmed, letters_of
from stream.commands.replay_screens import plan_as_dict, result_as_dict, show_plan, show_result
from stream.exits import Exit
from stream.letters.facts import State
from stream.letters.filters import Filter
from stream.letters.judging import Prospect
from stream.letters.pacing import Pace, Progress
from stream.letters.plan import SENT_BY_DEFAULT, Plan, plan
from stream.letters.replay import INTERRUPTED, Desk, Errand, replay
from stream.letters.service import ChoiceError, Letters
from stream.output import SCHEMA_VERSION, check_format, print_json
from stream.processes import stop_on_signals
from stream.settings import Settings

LINE_SECONDS: Final = 5.0
REWRITE_SECONDS: Final = 0.2
_WIDTH: Final = 79


@dataclass(frozen=True, slots=True)
class Wish:
    """What the options ask for."""

    only_passing: bool
    also_failing: bool
    rate: float | None
    most: int | None
    dry_run: bool
    sure: bool
    why: str

    @property
    def prospects(self) -> frozenset[Prospect]:
        """Which letters are to be sent. Raises ChoiceError."""
        if self.only_passing and self.also_failing:
            raise ChoiceError("--only-passing and --also-failing: one of them")
        if self.only_passing:
            return frozenset({Prospect.PASSES})
        return SENT_BY_DEFAULT | {Prospect.FAILS} if self.also_failing else SENT_BY_DEFAULT


def run_replay(settings: Settings, wanted: Filter, wish: Wish, format_: str) -> Exit:
    """Plan, ask, send, and say what to do next."""
    check_format(format_)
    prospects = wish.prospects
    with letters_of(settings) as service:
        if wanted.ids:
            service.named(wanted.ids)
        elif not wanted.states:  # --state all
            wanted = replace(wanted, states=tuple(State))
        said = Line("looked at")
        made = plan(service.reader, service.registry, wanted, service.clock(), prospects, wish.most, said)
        said.end()
        if format_ == "table":
            show_plan(made)
        if wish.dry_run or not made.chosen:
            if format_ != "table":
                print_json({"schema_version": SCHEMA_VERSION, "plan": plan_as_dict(made), "result": None})
            return Exit.DONE
        many = f"{len(made.chosen):,} letter{'s' if len(made.chosen) != 1 else ''}"
        if not confirmed(f"Send {many} again?", wish.sure):
            return Exit.DONE
        return _send(settings, service, made, wish, format_)


def _send(settings: Settings, service: Letters, made: Plan, wish: Wish, format_: str) -> Exit:
    stop = threading.Event()
    stop_on_signals(stop)
    desk = Desk(
        reader=service.reader,
        archive=open_archive(settings),
        publisher=open_gapic_publisher(),
        registry=service.registry,
        names=settings.names,
        clock=lambda: datetime.now(UTC),
        seconds=time.monotonic,
    )
    errand = Errand(service.new_operation(), service.who, wish.why)
    said = Line("replayed")
    try:
        result = replay(made, desk, errand, Pace(wish.rate, time.monotonic, stop.wait), said.progress)
    finally:
        said.end()
    if format_ == "table":
        show_result(made, result)
    else:
        done = result_as_dict(result, errand.operation)
        print_json({"schema_version": SCHEMA_VERSION, "plan": plan_as_dict(made), "result": done})
    return Exit.INTERRUPTED if result.outcome == INTERRUPTED else Exit.DONE


class Line:
    """How far it is, on stderr: one line that is written again on a terminal, a line now and then elsewhere."""

    def __init__(self, verb: str, clock: Callable[[], float] = time.monotonic, to: Any = None) -> None:
        self._verb = verb
        self._clock = clock
        self._to = to or sys.stderr
        self._again = self._to.isatty()
        self._began = clock()
        self._next = self._began + (REWRITE_SECONDS if self._again else LINE_SECONDS)
        self._open = False

    def __call__(self, done: int, total: int) -> None:
        """Say so when it is time."""
        self.progress(Progress(done, total, self._clock() - self._began))

    def progress(self, progress: Progress) -> None:
        """Say so when it is time."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + (REWRITE_SECONDS if self._again else LINE_SECONDS)
        text = f"{self._verb} {progress}"[:_WIDTH]
        self._to.write(f"\r{text:<{_WIDTH}}" if self._again else f"{text}\n")
        self._to.flush()
        self._open = self._again

    def end(self) -> None:
        """Take the line away."""
        if self._open:
            self._to.write(f"\r{'':<{_WIDTH}}\r")
            self._open = False
