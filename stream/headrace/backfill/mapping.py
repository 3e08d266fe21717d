"""Mapping of files' columns to a contract's fields: a TOML file, checked as a whole before any file is read.

Without a mapping, each field is read from the column with its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from headrace.backfill.backfill_errors import MappingError
from headrace.backfill.file_places import is_object
from headrace.backfill.local_times import Ambiguous, Gap
from headrace.config.file_model import FileModel, unknown_key, wrong
from headrace.config.toml_file import TomlFile
from headrace.schemas.registry import Contract

_NAMED_ZONE: Final = re.compile(r"(?<!%)(?:%%)*%Z")


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of one field: a *column*, with the *format* and *zone* of its times, or a constant *value*.

    *gap* and *ambiguous* are the rules for local times that do not exist in the zone, or occur twice.
    """

    column: str = ""
    value: Any = field(default=None, repr=False)
    constant: bool = False
    format: str = ""
    zone: ZoneInfo | None = None
    gap: Gap = Gap.REFUSE
    ambiguous: Ambiguous = Ambiguous.REFUSE


@dataclass(frozen=True, slots=True)
class Mapping:
    """Mapping of files. *null* lists texts of a CSV that mean null; *given* is false without a mapping file."""

    fields: Table[str, Origin] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    source: str = ""
    null: frozenset[str] = frozenset({""})
    delimiter: str = ","
    given: bool = False
    digest: str = ""

    def origin(self, name: str) -> Origin:
        """Return the origin of the field *name*."""
        return self.fields.get(name) or Origin(column=name)


def _a_delimiter(text: str) -> str:
    if len(text) != 1 or text in '"\r\n':
        raise wrong("not one character", 'write one, such as ";"')
    return text


def _as_table(given: Any) -> Any:
    if not isinstance(given, str | dict):
        raise wrong("neither a column nor a table", 'write "column" or { value = ... }')
    return {"column": given} if isinstance(given, str) else given


def _a_format(text: str) -> str:
    """Check a format by using it: an error about a text that does not match shows that the format is valid."""
    try:
        datetime.strptime("", text)
    except re.error:
        raise wrong("a directive occurs in it twice", "write each once") from None
    except (ValueError, IndexError) as error:
        if "does not match format" not in str(error):
            raise wrong("not a format of times", 'write one such as "%d.%m.%Y %H:%M"') from None
    if _NAMED_ZONE.search(text):
        raise wrong("%Z reads other names of zones on each machine", "write the name itself, and zone = ...")
    return text


def _a_zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError, AttributeError):
        raise wrong("an unknown time zone", 'write one such as "Europe/Berlin"') from None


class OriginTable(FileModel):
    """One field's table in a mapping file."""

    column: str = Field("", min_length=1, description='"..."')
    value: Any = Field(None, repr=False)
    format: Annotated[str, AfterValidator(_a_format)] = Field("", min_length=1, description='"%d.%m.%Y %H:%M"')
    zone: Annotated[ZoneInfo | None, BeforeValidator(_a_zone)] = None
    gap: Gap = Field(Gap.REFUSE, strict=False, description=f"one of {', '.join(Gap)}")
    ambiguous: Ambiguous = Field(Ambiguous.REFUSE, strict=False, description=f"one of {', '.join(Ambiguous)}")

    @model_validator(mode="after")
    def _fits_together(self) -> OriginTable:
        given = self.model_fields_set
        if ("column" in given) == ("value" in given):
            raise wrong("a column or a value, and one of them", 'write { column = "..." } or { value = ... }')
        if "value" in given and len(given) > 1:
            raise wrong("a constant has no format", "write the value alone")
        if self.zone is None and given & {"gap", "ambiguous"}:
            raise wrong("gap and ambiguous need a zone", 'write zone = "..." beside them')
        return self

    @property
    def origin(self) -> Origin:
        """The same values as an Origin."""
        if "value" in self.model_fields_set:
            return Origin(value=self.value, constant=True)
        return Origin(column=self.column, format=self.format, zone=self.zone, gap=self.gap, ambiguous=self.ambiguous)


class MappingTable(FileModel):
    """Keys that files of history and connectors share."""

    fields: dict[str, Annotated[OriginTable, BeforeValidator(_as_table)]] = Field({}, description="a table")
    identity: list[str] = Field([], description='["..."]')
    source: str = Field("", description='"..."')


class FileMappingTable(MappingTable):
    """A mapping file."""

    null: list[str] = Field([""], description='["..."]')
    delimiter: Annotated[str, AfterValidator(_a_delimiter)] = Field(",", description='";"')


def read_mapping(place: str | Path | None, contract: Contract, project: str = "") -> Mapping:
    """Read the mapping at *place*, a path or a ``gs://`` address, for the fields of *contract*.

    Raises:
        MappingError: the mapping cannot be read or has unknown keys, or events have no identity.
        BackfillError: the object does not exist.
    """
    if place is None:
        return _told_apart(Mapping(), contract)
    file = _read(str(place), project)
    table = file.check(FileMappingTable)
    mapping = mapping_of(file, table, contract)
    return replace(mapping, null=frozenset(table.null), delimiter=table.delimiter, digest=file.text)


def mapping_of(file: TomlFile, table: MappingTable, contract: Contract) -> Mapping:
    """Return the mapping in a *table* of *file*, for the fields of *contract*.

    Raises:
        MappingError: the mapping has unknown fields, or events have no identity.
    """
    known = [each.name for each in contract.record.fields]
    for name in table.fields:
        if name not in known:
            raise file.error(("fields", name), "the contract has no such field", unknown_key(name, known))
    if contract.options.identity and table.identity:
        raise file.error(("identity",), "the contract declares it already", "leave it out of the mapping")
    fields = {name: each.origin for name, each in table.fields.items()}
    mapping = Mapping(fields=fields, identity=tuple(table.identity), source=table.source, given=True)
    return _told_apart(mapping, contract)


def _told_apart(mapping: Mapping, contract: Contract) -> Mapping:
    if not contract.options.identity and not mapping.identity:
        raise MappingError(
            contract.subject,
            "lines have no identity: its contract declares none",
            'declare it in the contract, or name columns in the mapping: identity = ["order", "line"]',
        )
    return mapping


def _read(place: str, project: str) -> TomlFile:
    if not is_object(place):
        return TomlFile.read(Path(place), MappingError)
    from headrace.backfill.buckets import read_object  # its client takes a while to import

    return TomlFile.parse(place, read_object(place, project), MappingError)
