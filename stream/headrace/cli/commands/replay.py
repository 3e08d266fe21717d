"""``headrace replay``: print the plan, and ask whether to send its letters."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

from headrace.cli.commands.replay_request import ReplayRequest
from headrace.cli.commands.replay_screens import plan_as_dict, show_plan
from headrace.config.registry_access import ask_for_ids
from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.console.letters_access import confirmed, letters_of
from headrace.console.progress_line import ProgressLine
from headrace.console.shown_plan import showing_plan
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.replay_plan import plan_replay
from headrace.errors import Exit
from headrace.util.output import SCHEMA_VERSION, check_format, print_json


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
        made = plan_replay(
            service.reader,
            registry,
            wanted,
            service.clock(),
            forecasts,
            request.most,
            line,
            settings.names.routes,
            ask_for_ids(settings.schema_registry, registry),
        )
        line.end()
        only_shows = request.dry_run or not made.chosen
        if format_ == "table":
            with nullcontext() if only_shows else showing_plan(request.sure):
                show_plan(made)
        if only_shows:
            if format_ != "table":
                print_json({"schema_version": SCHEMA_VERSION, "plan": plan_as_dict(made), "result": None})
            return Exit.DONE
        many = f"{len(made.chosen):,} letter{'s' if len(made.chosen) != 1 else ''}"
        if not confirmed(f"Send {many} again?", request.sure):
            return Exit.DONE
        from headrace.cli.commands.replay_send import send  # imports the clients that write

        return send(settings, service, registry, made, request, format_)
