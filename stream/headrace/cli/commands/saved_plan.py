"""The plan of ``headrace provision`` as JSON, and the check that a plan in a file is still the one to make."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from headrace.core.plan_changes import Change
from headrace.core.plan_refusals import Refusal
from headrace.core.resource_names import Names
from headrace.errors import Exit, HeadraceError
from headrace.schemas.compatibility.published_content import published_content
from headrace.schemas.registry import Contract
from headrace.util.output import SCHEMA_VERSION

_NAMED: Final = 3
_WRITE: Final = "write it with `headrace provision --dry-run --format json`"
_LOOK: Final = "write it again, look at it, and use the new file"


class PlanFileError(HeadraceError, ValueError, error_code="HR-404", exit_code=Exit.CONFIGURATION):
    """A file holds no plan, or a plan for other resources or another state than today's. Nothing was changed."""


def plan_json(
    contracts: Iterable[Contract], changes: Sequence[Change], refusals: Sequence[Refusal], names: Names, dry_run: bool
) -> dict[str, Any]:
    """Return a plan as plain values, with the hash of each contract."""
    return {
        "schema_version": SCHEMA_VERSION,
        "project": names.project,
        "dataset": names.dataset,
        "dry_run": dry_run,
        "contracts": _hashes(contracts),
        "changes": [_change(each) for each in changes],
        "refusals": [asdict(each) for each in refusals],
    }


def check_plan(file: Path, contracts: Iterable[Contract], changes: Sequence[Change], names: Names) -> None:
    """Check that *contracts* and *changes* are those of a plan in a file.

    Raises:
        PlanFileError: they are not, or the file holds no plan, or one of another project or dataset.
    """
    saved = _read(file)
    for what, own in (("project", names.project), ("dataset", names.dataset)):
        if saved[what] != own:
            raise PlanFileError(f"{file}: the plan is for {what} {saved[what]}, and the settings name {own}")
    edited = _edited(saved["contracts"], _hashes(contracts))
    resources = _differences(_by_resource(saved["changes"]), _by_resource([_change(each) for each in changes]))
    found = [*edited, *resources]
    if found:
        more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise PlanFileError(f"{file}: the plan has changed: {', '.join(found[:_NAMED])}{more}; {_LOOK}")


def _read(file: Path) -> dict[str, Any]:
    try:
        saved = json.loads(file.read_bytes())
    except OSError as error:
        raise PlanFileError(f"{file}: cannot be read: {error.strerror}; {_WRITE}") from error
    except ValueError as error:
        raise PlanFileError(f"{file}: no JSON; {_WRITE}") from error
    match saved:
        case {
            "schema_version": 1,
            "project": str(),
            "dataset": str(),
            "contracts": dict(),
            "changes": [*changes],
        } if all(isinstance(each, dict) and {"what", "name"} <= each.keys() for each in changes):
            return dict(saved)
    raise PlanFileError(f"{file}: no plan of this release; {_WRITE}")


def _hashes(contracts: Iterable[Contract]) -> dict[str, str]:
    return {each.ref.short: published_content(json.loads(each.json)) for each in contracts}


def _edited(saved: Mapping[str, str], today: Mapping[str, str]) -> Iterator[str]:
    for name in {**saved, **today}:
        if saved.get(name) != today.get(name):
            how = "is gone" if name not in today else "is new" if name not in saved else "is another one"
            yield f"contract {name} {how}"


def _differences(
    saved: Mapping[tuple[str, str], Mapping[str, Any]], today: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Iterator[str]:
    for resource in {**saved, **today}:
        name = " ".join(resource)
        if resource not in today:
            yield f"{name} needs no change any longer"
        elif resource not in saved:
            yield f"{name} needs a change too"
        elif saved[resource] != today[resource]:
            yield f"{name} changes otherwise"


def _by_resource(changes: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(str(each["what"]), str(each["name"])): each for each in changes}


def _change(change: Change) -> dict[str, Any]:
    return {
        "action": change.action,
        "what": change.what,
        "name": change.name,
        "why": change.why,
        "diff": [each._asdict() for each in change.diff],
    }
