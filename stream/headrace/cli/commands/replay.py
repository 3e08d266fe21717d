"""``headrace replay``: first what it would do, then it is done, with how far it is."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headrace.cli.commands.replay_screens import plan_as_dict, result_as_dict, show_plan, show_result
from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.console.archive_access import open_archive
from headrace.console.letters_access import confirmed, letters_of
from headrace.console.progress_line import Line
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.replay_forecast import Prospect
from headrace.dead_letters.replay_letters import INTERRUPTED, Desk, Errand, replay
from headrace.dead_letters.replay_pace import Pace
from headrace.dead_letters.replay_plan import SENT_BY_DEFAULT, Plan, plan
from headrace.dead_letters.service import ChoiceError, Letters
from headrace.errors import Exit
from headrace.runtime.google_clients import open_gapic_publisher
from headrace.runtime.processes import stop_on_signals
from headrace.runtime.reachability import Service, reach
from headrace.schemas.registry import Registry
from headrace.util.output import SCHEMA_VERSION, check_format, print_json


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
    prospects, registry = wish.prospects, served(settings)
    with letters_of(settings) as service:
        if wanted.ids:
            service.named(wanted.ids)
        elif not wanted.states:  # --state all
            wanted = replace(wanted, states=tuple(State))
        said = Line("looked at")
        made = plan(service.reader, registry, wanted, service.clock(), prospects, wish.most, said)
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
        return _send(settings, service, registry, made, wish, format_)


def _send(settings: Settings, service: Letters, registry: Registry, made: Plan, wish: Wish, format_: str) -> Exit:
    reach(Service.PUBSUB, Service.WRITE)
    stop = threading.Event()
    stop_on_signals(stop)
    desk = Desk(
        reader=service.reader,
        archive=open_archive(settings),
        publisher=open_gapic_publisher(),
        registry=registry,
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
