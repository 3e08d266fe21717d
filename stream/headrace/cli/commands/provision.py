"""``headrace provision``: print the plan, and apply it."""

from __future__ import annotations

from collections.abc import Sequence

from google.api_core.exceptions import GoogleAPIError

from headrace.config.settings import Settings
from headrace.core.plan_changes import Change, Note
from headrace.core.plan_refusals import ProvisionError, listed
from headrace.provision import Clients, plan
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.runtime.reachability import Service, reach
from headrace.util.output import say, show
from headrace.util.terminal_columns import counted


def provision(settings: Settings, dry_run: bool, as_json: bool = False) -> None:
    """Create missing resources, update others, and print the changes; to stdout too if *as_json*.

    Raises:
        ProvisionError: some resources cannot be changed; all of them are printed, and nothing is changed.
    """
    registry = settings.registry()
    for contract in registry:
        for notice in contract.notices:
            say(f"notice: {notice}")
    say(f"contracts of {counted(len(registry.subjects), 'subject')} are valid")
    reach(Service.PUBSUB, Service.BIGQUERY)
    clients = Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(settings.project))
    try:
        changes = plan(registry, settings.names, settings.location, clients, settings.masking_key_version, _note)
    except ProvisionError as error:
        if len(error.refusals) > 1:
            for line in listed(error.refusals):
                say(line)
        raise
    for change in changes:
        say(f"{change.action} {change.what} {change.name}{f': {change.why}' if change.why else ''}")
    if changes and not dry_run:
        _apply(changes)
    if as_json:
        show("changes", [_as_dict(each) for each in changes], "json", dry_run=dry_run)
    say(_ending(changes, dry_run))


def _note(note: Note) -> None:
    say(f"note: {note.what} {note}")


def _apply(changes: Sequence[Change]) -> None:
    for change in changes:
        try:
            change.apply()
        except GoogleAPIError:
            say(f"failed: {change.action} {change.what} {change.name}")
            raise


def _ending(changes: Sequence[Change], dry_run: bool) -> str:
    if not changes:
        return "nothing to change: all resources match the contracts"
    if dry_run:
        return f"{counted(len(changes), 'change')}; run without --dry-run to make them"
    return f"{counted(len(changes), 'change')} made"


def _as_dict(change: Change) -> dict[str, str]:
    return {"action": change.action, "what": change.what, "name": change.name, "why": change.why}
