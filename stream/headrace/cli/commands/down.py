"""``headrace down --everything``: list what Headrace has created, ask, and remove it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, assert_never

import typer

from headrace.config.settings import Settings
from headrace.console.shown_plan import showing_plan
from headrace.errors import Exit, HeadraceError
from headrace.removal.items import Fate, Item, remove_all
from headrace.removal.local_items import local_items
from headrace.removal.still_running import check_claims, check_local
from headrace.runtime.reachability import Service, reach
from headrace.util.output import say, show
from headrace.util.terminal_columns import counted

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from headrace.schemas.registry import Registry

_AGAIN: Final = "run the command again, it continues with the rest"


class NotAgreedError(HeadraceError, ValueError, error_code="HR-317", exit_code=Exit.USAGE):
    """Nobody agreed: the name of the project was not typed, or differs. Nothing was removed."""


class NotRemovedError(HeadraceError, RuntimeError, error_code="HR-319", exit_code=Exit.FOUND):
    """Some items could not be removed. They are listed with their causes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The options of the command; *agreed* is the name that was given with --yes."""

    local_only: bool
    keys: bool
    dry_run: bool
    agreed: str | None
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Remote:
    """The contracts, and the client of BigQuery, that the list and the checks share."""

    registry: Registry
    bigquery: Client


def remove_everything(settings: Settings, choice: Choice, local: Path) -> Exit:
    """List the items, ask, remove them and print what became of each; *local* is the folder of `headrace up`.

    Raises:
        StillRunningError: an engine or `headrace up` runs.
        NotAgreedError: the project's name was not given.
        NotRemovedError: some items could not be removed.
    """
    remote = None if choice.local_only else _remote(settings)
    items = _items(settings, remote, choice, local)
    if choice.dry_run:
        _show(items, settings, choice)
        return Exit.DONE
    _check_running(settings, remote, local)
    if not choice.as_json:
        with showing_plan(choice.agreed == settings.project):
            _show(items, settings, choice)
    if not any(each.fate is Fate.REMOVE for each in items):
        if choice.as_json:
            _show(items, settings, choice)
        say("nothing to remove")
        return Exit.DONE
    _ask(settings.project, choice.agreed)
    _check_running(settings, remote, local)  # somebody may have started an engine while the question was open
    done = _remove(items)
    if choice.as_json:
        _show(done, settings, choice)
    failed = [each for each in done if each.fate is Fate.FAILED]
    if failed:
        raise NotRemovedError(f"{counted(len(failed), 'item')} could not be removed, see above; {_AGAIN}")
    say(_summary(done))
    return Exit.DONE


def _remote(settings: Settings) -> _Remote:
    from headrace.runtime.google_clients import open_bigquery

    registry = settings.registry()
    reach(Service.PUBSUB, Service.BIGQUERY)
    return _Remote(registry, open_bigquery(settings.project))


def _items(settings: Settings, remote: _Remote | None, choice: Choice, local: Path) -> list[Item]:
    found = [] if remote is None else _remote_items(settings, remote)
    return [*found, *local_items(settings, local, with_keys=choice.keys)]


def _remote_items(settings: Settings, remote: _Remote) -> list[Item]:
    from headrace.removal.bigquery_items import bigquery_items
    from headrace.removal.pubsub_items import pubsub_items
    from headrace.runtime.google_clients import open_gapic_publisher, open_subscriber

    names = settings.names
    pubsub = pubsub_items(remote.registry, names, open_gapic_publisher(), open_subscriber())
    return [*pubsub, *bigquery_items(remote.registry, names, remote.bigquery)]


def _check_running(settings: Settings, remote: _Remote | None, local: Path) -> None:
    check_local(settings.journal, local)
    if remote is not None:
        check_claims(settings, remote.registry, remote.bigquery)


def _ask(project: str, agreed: str | None) -> None:
    if agreed is None:
        if not sys.stdin.isatty():
            raise NotAgreedError(f"stdin is not a terminal, so nothing was removed; add --yes {project} to agree")
        try:
            agreed = typer.prompt("all this is removed for good; type the name of the project to agree", err=True)
        except typer.Abort:
            raise KeyboardInterrupt from None
    if agreed != project:
        raise NotAgreedError(f"the project is {project}, and another name was given; nothing was removed")


def _remove(items: Sequence[Item]) -> list[Item]:
    done: list[Item] = []
    try:
        for each in remove_all(items, _report):
            done.append(each)
    except KeyboardInterrupt:
        say(f"interrupted after {counted(len(done), 'item')}; {_AGAIN}")
        raise
    return done


def _report(item: Item) -> None:
    match item.fate:
        case Fate.REMOVED:
            say(f"removed {item.kind} {item.name}")
        case Fate.FAILED:
            say(f"failed: {item.kind} {item.name}: {item.why}")
        case Fate.KEEP | Fate.REMOVE:
            return
        case _:
            assert_never(item.fate)


def _show(items: Sequence[Item], settings: Settings, choice: Choice) -> None:
    if choice.as_json:
        rows = [_as_dict(each) for each in items]
        show("items", rows, "json", project=settings.project, dry_run=choice.dry_run)
    else:
        show("items", [_as_row(each) for each in items], "table")


def _as_dict(item: Item) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "name": item.name,
        "rows": item.rows,
        "bytes": item.size,
        "fate": item.fate.value,
        "why": item.why or None,
    }


def _as_row(item: Item) -> dict[str, Any]:
    fate = f"{item.fate.value}: {item.why}" if item.why else item.fate.value
    return {"kind": item.kind, "name": item.name, "holds": item.holds, "what_happens": fate}


def _summary(done: Sequence[Item]) -> str:
    counts = Counter(each.fate for each in done)
    kept = counts[Fate.KEEP]
    return f"removed {counted(counts[Fate.REMOVED], 'item')}" + (f", kept {kept:,}" if kept else "")
