"""The subjects of a folder of contracts: those that are served, and those that are refused, with their faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final, NamedTuple

from headrace.contract_view.contract_settings import settings_of
from headrace.contract_view.field_views import event_fields, personal_fields
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError, UnknownSchemaError
from headrace.schemas.folder import SUFFIX
from headrace.schemas.registry import Contract, FolderContents

OK: Final = "ok"
REFUSED: Final = "refused"


class Subject(NamedTuple):
    """A subject: the *versions* of it that can be read, the oldest first, all its versions, and why it is refused.

    *name* is that of the file where a file has no name of a contract.
    """

    name: str
    versions: tuple[Contract, ...]
    numbers: tuple[int, ...]
    refused: ContractError | None

    @property
    def state(self) -> str:
        """Whether the job serves the subject."""
        return OK if self.refused is None else REFUSED

    @property
    def newest(self) -> Contract:
        """The newest version that can be read; raises the fault of the subject if no version can be."""
        if self.versions:
            return self.versions[-1]
        raise self.refused or UnknownSchemaError(f"no contract for subject {self.name!r} here")

    def version(self, number: int | None) -> Contract:
        """Return a version, the newest one without a *number*.

        Raises:
            ContractError: the version is refused.
            UnknownSchemaError: there is no such version.
        """
        if number is None:
            return self.newest
        for each in self.versions:
            if each.ref.version == number:
                return each
        if number in self.numbers and self.refused is not None:
            raise self.refused
        known = ", ".join(map(str, self.numbers))
        raise UnknownSchemaError(f"no contract {self.name}.v{number} here; its versions are {known}")


def subjects_of(found: FolderContents) -> dict[str, Subject]:
    """Return every subject of a folder by its name. What keeps the job from serving one keeps no other from it."""
    contracts, refused = dict(sorted(found.contracts.items())), found.refused()
    versions = {name: tuple(contracts[ref] for ref in refs) for name, refs in _by_subject(contracts)}
    numbers = _numbers(found)
    return {
        name: Subject(
            name,
            versions.get(name, ()),
            numbers.get(name, ()),
            refused.get(name),
        )
        for name in sorted({*versions, *refused})
    }


def subject_named(subjects: Mapping[str, Subject], name: str) -> Subject:
    """Return the subject called *name*; raises UnknownSchemaError if no subject has that name."""
    if name not in subjects:
        known = ", ".join(each for each in subjects if not each.endswith(SUFFIX))
        raise UnknownSchemaError(f"no contract for subject {name!r} here; there are {known}")
    return subjects[name]


def listed(subject: Subject) -> dict[str, Any]:
    """Return a subject as one row; what a refused one cannot say is empty."""
    row: dict[str, Any] = {
        "subject": subject.name,
        "versions": " ".join(map(str, subject.numbers)),
        "table": "",
        "event_time": "",
        "fields": "",
        "personal": "",
    }
    if subject.versions:
        newest = subject.versions[-1]
        row |= {
            "table": newest.options.table,
            "event_time": event_time_of(newest),
            "fields": len({each.field for each in event_fields(newest)}),
            "personal": len(personal_fields(newest)),
        }
    fault = subject.refused.faults[0] if subject.refused else None
    return row | {"state": subject.state, "fault": str(fault or "")}


def event_time_of(contract: Contract) -> str:
    """Return the rule for the event time on one line."""
    given = {name: text for name, text in settings_of(contract).items() if name.startswith("event_time")}
    if "event_time" in given:
        return given["event_time"]
    return ", ".join(f"{name.removeprefix('event_time.')} {text}" for name, text in given.items())


def _by_subject(refs: Mapping[SchemaRef, Contract]) -> Iterator[tuple[str, list[SchemaRef]]]:
    return ((name, [*group]) for name, group in groupby(refs, key=lambda ref: ref.subject))


def _numbers(found: FolderContents) -> dict[str, tuple[int, ...]]:
    """Return all versions of each subject, also those that cannot be read."""
    numbers: dict[str, list[int]] = {}
    for stem in found.sources:
        subject, _, version = stem.rpartition(".v")
        if version.isdecimal():
            numbers.setdefault(subject, []).append(int(version))
    return {name: tuple(sorted(each)) for name, each in numbers.items()}
