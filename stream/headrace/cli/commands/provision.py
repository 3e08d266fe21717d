"""``headrace provision``: print the plan, and apply it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.api_core.exceptions import GoogleAPIError

from headrace.bigquery.table_differences import COLUMN
from headrace.cli.commands.saved_plan import check_plan, plan_json
from headrace.config.settings import Settings
from headrace.contract_view.view_lines import change as change_lines
from headrace.contract_view.view_lines import labelled, paragraph
from headrace.core.plan_changes import Change, Note, PropertyChange
from headrace.core.plan_refusals import ProvisionError, listed
from headrace.provision import Clients, plan
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.runtime.reachability import Service, reach
from headrace.schemas.registry import Registry
from headrace.util.output import print_json, say
from headrace.util.terminal_columns import counted


def provision(settings: Settings, dry_run: bool, format_: str, plan_file: Path | None = None) -> None:
    """Print the plan, and make its changes unless it is a *dry_run*; with *plan_file*, only if they are those in it.

    Raises:
        ProvisionError: some resources cannot be changed; all of them are printed, and nothing is changed.
        PlanFileError: the plan is another one than that in *plan_file*.
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
        _print_refusals(settings, registry, error, dry_run, format_)
        raise
    if plan_file is not None:
        check_plan(plan_file, registry, changes, settings.names)
    if format_ == "json":
        print_json(plan_json(registry, changes, (), settings.names, dry_run))
    else:
        _print_plan(changes)
    if changes and not dry_run:
        _apply(changes)
    say(_ending(changes, dry_run))


def _print_refusals(settings: Settings, registry: Registry, error: ProvisionError, dry_run: bool, format_: str) -> None:
    if format_ == "json":
        print_json(plan_json(registry, (), error.refusals, settings.names, dry_run))
    elif len(error.refusals) > 1:
        for line in listed(error.refusals):
            say(line)


def _print_plan(changes: Sequence[Change]) -> None:
    for each in changes:
        for line in _lines(each):
            sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _lines(change: Change) -> Iterator[str]:
    """Yield a change on one line, and below it the properties that it creates, or both texts of those it updates."""
    told = f": {change.why}" if change.why and not change.diff else ""
    yield from paragraph(f"{change.action} {change.what} {change.name}{told}")
    if change.action == "create":
        yield from labelled(dict(_created(change)))
        return
    for each in change.diff:
        if "\n" in (each.before or "") and each.after:
            yield from _text_lines(each)
        else:
            yield from change_lines(each.name, each.before or "", each.after or "")


def _created(change: Change) -> Iterator[tuple[str, str]]:
    """Yield the properties of a resource that is created. The columns of a table are one, without those in records."""
    columns = [each.name.removeprefix(COLUMN) for each in change.diff if each.name.startswith(COLUMN)]
    yield from ((each.name, each.after or "") for each in change.diff if not each.name.startswith(COLUMN))
    if columns:
        yield "columns", ", ".join(name for name in columns if "." not in name)


def _text_lines(changed: PropertyChange) -> Iterator[str]:
    yield from paragraph(changed.name, 2)
    before, after = (changed.before or "").splitlines(), (changed.after or "").splitlines()
    compared = difflib.unified_diff(before, after, n=1, lineterm="")
    for line in [*compared][2:]:  # without the names of two files
        yield from paragraph(line, 4)


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
