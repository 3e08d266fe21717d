"""``headrace replay``: print the plan, ask, and send the letters with a progress line."""

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
from headrace.console.progress_line import ProgressLine
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.replay_context import INTERRUPTED, OperationInfo, ReplayContext
from headrace.dead_letters.replay_forecast import Forecast
from headrace.dead_letters.replay_letters import replay
from headrace.dead_letters.replay_plan import SENT_BY_DEFAULT, ReplayPlan, plan_replay
from headrace.dead_letters.replay_rate import RateLimit
from headrace.dead_letters.service import ChoiceError, LetterService
from headrace.errors import Exit
from headrace.runtime.google_clients import open_gapic_publisher
from headrace.runtime.processes import stop_on_signals
from headrace.runtime.reachability import Service, reach
from headrace.schemas.registry import Registry
from headrace.util.output import SCHEMA_VERSION, check_format, print_json


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """The options of ``headrace replay``."""

    only_passing: bool
    also_failing: bool
    rate: float | None
    most: int | None
    dry_run: bool
    sure: bool
    why: str

    @property
    def forecasts(self) -> frozenset[Forecast]:
        """The forecasts whose letters are sent. Raises ChoiceError if options exclude each other."""
        if self.only_passing and self.also_failing:
            raise ChoiceError("--only-passing, --also-failing: use one of them")
        if self.only_passing:
            return frozenset({Forecast.PASSES})
        return SENT_BY_DEFAULT | {Forecast.FAILS} if self.also_failing else SENT_BY_DEFAULT


def run_replay(settings: Settings, wanted: Filter, request: ReplayRequest, format_: str) -> Exit:
    """Plan the replay, ask for confirmation, send the letters, and print the next step."""
    check_format(format_)
    forecasts, registry = request.forecasts, served(settings)
    with letters_of(settings) as service:
        if wanted.ids:
            service.find_all(wanted.ids)
        elif not wanted.states:  # --state all
            wanted = replace(wanted, states=tuple(State))
        line = ProgressLine("checked")
        made = plan_replay(service.reader, registry, wanted, service.clock(), forecasts, request.most, line)
        line.end()
        if format_ == "table":
            show_plan(made)
        if request.dry_run or not made.chosen:
            if format_ != "table":
                print_json({"schema_version": SCHEMA_VERSION, "plan": plan_as_dict(made), "result": None})
            return Exit.DONE
        many = f"{len(made.chosen):,} letter{'s' if len(made.chosen) != 1 else ''}"
        if not confirmed(f"Send {many} again?", request.sure):
            return Exit.DONE
        return _send(settings, service, registry, made, request, format_)


def _send(
    settings: Settings,
    service: LetterService,
    registry: Registry,
    made: ReplayPlan,
    request: ReplayRequest,
    format_: str,
) -> Exit:
    reach(Service.PUBSUB, Service.WRITE)
    stop = threading.Event()
    stop_on_signals(stop)
    context = ReplayContext(
        reader=service.reader,
        archive=open_archive(settings),
        publisher=open_gapic_publisher(),
        registry=registry,
        names=settings.names,
        clock=lambda: datetime.now(UTC),
        seconds=time.monotonic,
    )
    operation = OperationInfo(service.new_operation(), service.actor, request.why)
    line = ProgressLine("replayed")
    try:
        result = replay(made, context, operation, RateLimit(request.rate, time.monotonic, stop.wait), line.progress)
    finally:
        line.end()
    if format_ == "table":
        show_result(made, result)
    else:
        done = result_as_dict(result, operation.id)
        print_json({"schema_version": SCHEMA_VERSION, "plan": plan_as_dict(made), "result": done})
    return Exit.INTERRUPTED if result.outcome == INTERRUPTED else Exit.DONE
