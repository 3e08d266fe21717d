"""How the columns of files become the fields of a contract: a TOML file, checked as a whole before anything is read.

Without one each field is the column of its own name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headrace.backfill.backfill_errors import MappingError
from headrace.backfill.file_places import is_object
from headrace.backfill.local_times import Ambiguous, Gap
from headrace.config.toml_positions import parse_toml
from headrace.schemas.registry import Contract

_KEYS: Final = frozenset({"fields", "identity", "source", "null", "delimiter"})
_FIELD_KEYS: Final = frozenset({"column", "value", "format", "zone", "gap", "ambiguous"})
_NAMED_ZONE: Final = re.compile(r"(?<!%)(?:%%)*%Z")
Rule = TypeVar("Rule", Gap, Ambiguous)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one field comes from: a *column*, with the *format* and the *zone* of its times, or a constant *value*.

    *gap* and *ambiguous* say what becomes of local times that no clock in the zone shows, or that one shows twice.
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
    """What is said of files. *null* are the texts of a CSV that stand for nothing; *given* is False without a file."""

    fields: Table[str, Origin] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    source: str = ""
    null: frozenset[str] = frozenset({""})
    delimiter: str = ","
    given: bool = False
    digest: str = ""

    def origin(self, name: str) -> Origin:
        """Where the field *name* comes from."""
        return self.fields.get(name) or Origin(column=name)


def read_mapping(place: str | Path | None, contract: Contract, project: str = "") -> Mapping:
    """Read the mapping at *place*, a path or a ``gs://`` address, for the fields of *contract*.

    Raises:
        MappingError: it cannot be read, or says what is not known; or nothing tells one event from another.
        BackfillError: there is no such object.
    """
    mapping = Mapping() if place is None else _parse(str(place), contract, project)
    return _told_apart(mapping, contract, place)


def mapping_of(table: Table[str, Any], contract: Contract, path: str | Path) -> Mapping:
    """The mapping that a *table* of the file at *path* says, for the fields of *contract*.

    Raises:
        MappingError: it says what is not known, or nothing tells one event from another.
    """
    return _told_apart(_mapping(table, contract, path), contract, path)


def _told_apart(mapping: Mapping, contract: Contract, path: str | Path | None) -> Mapping:
    if not contract.options.identity and not mapping.identity:
        raise MappingError(
            contract.subject,
            "nothing says which lines are the same event: its contract declares no identity",
            'declare it in the contract, or name columns in the mapping: identity = ["order", "line"]',
        )
    if contract.options.identity and mapping.identity:
        raise MappingError(f"{path}: identity", "the contract declares it already", "leave it out of the mapping")
    return mapping


def _parse(place: str, contract: Contract, project: str) -> Mapping:
    try:
        text = _read(place, project).decode("utf-8-sig")
        table = parse_toml(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(place, f"not TOML ({error})", "correct it") from error
    return replace(_mapping(table, contract, place), digest=text)


def _read(place: str, project: str) -> bytes:
    if is_object(place):
        from headrace.backfill.buckets import read_object  # its client takes a while to import

        return read_object(place, project)
    try:
        return Path(place).read_bytes()
    except OSError as error:
        raise MappingError(place, f"cannot be read ({error.strerror})", "name a TOML file") from error


def _mapping(table: Table[str, Any], contract: Contract, path: str | Path) -> Mapping:
    _refuse_unknown(table, _KEYS, str(path))
    delimiter = _typed(table, "delimiter", str, ",", path)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise MappingError(f"{path}: delimiter", "not one character", 'write one, such as ";"')
    return Mapping(
        fields=_fields(_typed(table, "fields", dict, {}, path), contract, path),
        identity=_texts(table, "identity", (), path),
        source=_typed(table, "source", str, "", path),
        null=frozenset(_texts(table, "null", ("",), path)),
        delimiter=delimiter,
        given=True,
    )


def _fields(table: Table[str, Any], contract: Contract, path: str | Path) -> dict[str, Origin]:
    known = {each.name for each in contract.record.fields}
    _refuse_unknown(table, known, f"{path}: fields")
    return {name: _origin(given, f"{path}: fields.{name}") for name, given in table.items()}


def _origin(given: Any, where: str) -> Origin:
    if isinstance(given, str):
        return Origin(column=given)
    if not isinstance(given, dict):
        raise MappingError(where, "neither a column nor a table", 'write "column" or { value = ... }')
    _refuse_unknown(given, _FIELD_KEYS, where)
    if ("column" in given) == ("value" in given):
        raise MappingError(where, "a column or a value, and one of them", 'write { column = "..." } or { value = ... }')
    if "value" in given:
        if len(given) > 1:
            raise MappingError(where, "a constant has no format", "write the value alone")
        return Origin(value=given["value"], constant=True)
    for key in given:
        if not isinstance(given[key], str) or not given[key]:
            raise MappingError(f"{where}.{key}", "not a text", "write it in quotes")
    format_, zone = given.get("format", ""), _zone(given.get("zone"), where)
    _check_format(format_, f"{where}.format")
    if _NAMED_ZONE.search(format_):
        raise MappingError(
            f"{where}.format", "%Z reads other names of zones on each machine", "write the name itself, and zone = ..."
        )
    for key in ("gap", "ambiguous"):
        if key in given and zone is None:
            raise MappingError(f"{where}.{key}", "said of no zone", 'write zone = "..." beside it')
    gap, ambiguous = _rule(Gap, given, "gap", where), _rule(Ambiguous, given, "ambiguous", where)
    return Origin(column=given["column"], format=format_, zone=zone, gap=gap, ambiguous=ambiguous)


def _rule(kind: type[Rule], given: Table[str, Any], key: str, where: str) -> Rule:
    try:
        return kind(given.get(key, "refuse"))
    except ValueError:
        raise MappingError(f"{where}.{key}", "no such rule", f"write one of {', '.join(kind)}") from None


def _check_format(format_: str, where: str) -> None:
    """Have Python compile it: a text that is not of that format is a ValueError that says so."""
    try:
        datetime.strptime("", format_)
    except re.error:
        raise MappingError(where, "a directive stands in it twice", "write each once") from None
    except (ValueError, IndexError) as error:
        if "does not match format" not in str(error):
            raise MappingError(where, "no format of times", 'write one such as "%d.%m.%Y %H:%M"') from None


def _zone(name: str | None, where: str) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MappingError(
            f"{where}.zone", "no time zone that is known here", 'write one such as "Europe/Berlin"'
        ) from error


def _texts(table: Table[str, Any], key: str, default: tuple[str, ...], path: str | Path) -> tuple[str, ...]:
    given = table.get(key, list(default))
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise MappingError(f"{path}: {key}", "not a list of texts", f'write {key} = ["..."]')
    return tuple(given)


def _typed(table: Table[str, Any], key: str, kind: type, default: Any, path: str | Path) -> Any:
    value = table.get(key, default)
    if not isinstance(value, kind):
        raise MappingError(f"{path}: {key}", f"not a {kind.__name__}", "see docs/backfill.md")
    return value


def _refuse_unknown(given: Table[str, Any], known: frozenset[str] | set[str], where: str) -> None:
    for key in sorted(set(given) - known):
        named = f"{where}.{key}" if ": " in where else f"{where}: {key}"
        raise MappingError(named, f"unknown {key!r}", f"known are {', '.join(sorted(known))}")
