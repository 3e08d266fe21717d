"""``headrace replay``: send the letters of a plan."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from headrace.cli.commands.replay_request import ReplayRequest
from headrace.cli.commands.replay_screens import plan_as_dict, result_as_dict, show_result
from headrace.config.registry_access import ask_for_ids
from headrace.config.settings import Settings
from headrace.console.archive_access import open_archive
from headrace.console.progress_line import ProgressLine
from headrace.dead_letters.replay_context import INTERRUPTED, OperationInfo, ReplayContext
from headrace.dead_letters.replay_letters import replay
from headrace.dead_letters.replay_plan import ReplayPlan
from headrace.dead_letters.replay_rate import RateLimit
from headrace.dead_letters.service import LetterService
from headrace.errors import Exit
from headrace.runtime.google_clients import open_gapic_publisher
from headrace.runtime.processes import stop_on_signals
from headrace.runtime.reachability import Service, reach
from headrace.runtime.standard_streams import OutputError
from headrace.schemas.registry import Registry
from headrace.util.output import SCHEMA_VERSION, print_json


def send(
    settings: Settings,
    service: LetterService,
    registry: Registry,
    made: ReplayPlan,
    request: ReplayRequest,
    format_: str,
) -> Exit:
    """Send the letters of a plan with a progress line, and print the result."""
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
        ask_for=ask_for_ids(settings.schema_registry, registry),
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
        try:
            print_json({"schema_version": SCHEMA_VERSION, "plan": plan_as_dict(made), "result": done})
        except OutputError:
            show_result(made, result)  # on stderr: what was sent is sent
            raise
    return Exit.INTERRUPTED if result.outcome == INTERRUPTED else Exit.DONE
