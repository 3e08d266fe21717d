"""Headrace's annotations in an ``.avsc``: the table, its partitions, lateness, and personal data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from headrace.schemas.errors import ContractError
from headrace.schemas.model import NOT_PERSONAL, Generalise, Mask, NotPersonal, Pii

_PERCENT = re.compile(r"([1-9][0-9]?|100)%")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TRANSFORMATIONS = {"where", "derived", "function", "rollups"}  # read by schemas.transformations
MAX_IDENTIFIER = 128  # characters of a table's name, and of a kind of personal data
MAX_CLUSTERED = 4  # BigQuery's limit
MAX_IDENTITY = 16
_IDENTIFIER = re.compile(rf"[a-z_][a-z0-9_]{{0,{MAX_IDENTIFIER - 1}}}")
E = TypeVar("E", bound=StrEnum)


class Partition(StrEnum):
    """Span of event time that one partition of a table holds."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Encoding(StrEnum):
    """Encoding of a payload that the contract declares.

    Without a declaration, a payload that is a datum both as it is and behind a header is refused.
    """

    DATUM = "datum"


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The record's ``headrace`` annotation, typed.

    ``late_after`` and ``ahead_at_most`` bound the event time relative to the first publish time. ``refuse_at_most`` is
    a percentage: with more unreadable messages than that, the subject waits.
    """

    table: str
    event_time: str
    partition: Partition
    cluster: tuple[str, ...]
    expire_after_days: int | None
    require_partition_filter: bool
    late_after: timedelta
    ahead_at_most: timedelta
    refuse_at_most: int
    identity: tuple[str, ...]
    encoding: Encoding | None


def parse_duration(text: object, where: str) -> timedelta:
    """Read ``400d``, ``12h``, ``10m`` or ``30s``.

    >>> parse_duration("10m", "here")
    datetime.timedelta(seconds=600)
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not match:
        why = "missing" if text is None else "not a duration"
        raise ContractError(where, why, 'write a whole number up to 999999 and s, m, h or d, such as "10m"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_percent(text: object, where: str) -> int:
    """Read ``1%`` to ``100%``.

    >>> parse_percent("50%", "here")
    50
    """
    match = _PERCENT.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ContractError(where, "not a percentage", 'write a whole number from 1 to 100 and %, such as "50%"')
    return int(match[1])


def parse_table_options(annotation: object, where: str) -> TableOptions:
    """Read a record's ``headrace`` annotation; raises ContractError for missing, misspelt or mistyped values."""
    given = _mapping(
        annotation, where, 'write {"table": ..., "event_time": ..., "late_after": "30d", "ahead_at_most": "10m"}'
    )
    _refuse_unknown(given, set(TableOptions.__dataclass_fields__) | _TRANSFORMATIONS, where)
    return TableOptions(
        table=_identifier(given, "table", where),
        event_time=_event_time(given.get("event_time"), f"{where}.event_time"),
        partition=_member(Partition, given.get("partition", "day"), f"{where}.partition"),
        cluster=_names(given.get("cluster", []), f"{where}.cluster", MAX_CLUSTERED),
        expire_after_days=_positive(given.get("expire_after_days"), f"{where}.expire_after_days"),
        require_partition_filter=_boolean(
            given.get("require_partition_filter", False), f"{where}.require_partition_filter"
        ),
        late_after=parse_duration(given.get("late_after"), f"{where}.late_after"),
        ahead_at_most=parse_duration(given.get("ahead_at_most"), f"{where}.ahead_at_most"),
        refuse_at_most=parse_percent(given.get("refuse_at_most", "50%"), f"{where}.refuse_at_most"),
        identity=_names(given.get("identity", []), f"{where}.identity", MAX_IDENTITY),
        encoding=_member(Encoding, given["encoding"], f"{where}.encoding") if "encoding" in given else None,
    )


def parse_pii(annotation: object, where: str) -> Pii | NotPersonal:
    """Read a field's ``pii`` annotation: ``"none"``, or a kind and a mask with the mask's parameters."""
    if annotation == "none":
        return NOT_PERSONAL
    given = _mapping(annotation, where, 'write "none", or {"kind": "email", "mask": "tokenise"}')
    mask = _member(Mask, given.get("mask"), f"{where}.mask")
    if given.get("keys", "none") != "none":
        raise ContractError(
            f"{where}.keys",
            "personal keys of a map, and keys are never masked",
            "use an array of records in which the key is a field with a mask of its own",
        )
    _refuse_unknown(given, {"kind", "mask", "keys"} | _PARAMETERS.get(mask, set()), where)
    pii = Pii(
        kind=_identifier(given, "kind", where),
        mask=mask,
        keep_first=_positive(given.get("keep_first"), f"{where}.keep_first") or 0,
        keep_last=_positive(given.get("keep_last"), f"{where}.keep_last") or 0,
        to=_member(Generalise, given["to"], f"{where}.to") if "to" in given else None,
        size=_positive(given.get("size"), f"{where}.size"),
    )
    _check_parameters(pii, where)
    return pii


def parse_flag(annotations: Mapping[str, Any], key: str, where: str) -> bool:
    """Read an annotation that is true or false, and false when it is absent."""
    return _boolean(annotations.get(key, False), f"{where}.{key}")


def parse_count(annotations: Mapping[str, Any], key: str, most: int, where: str) -> int:
    """Read an annotation that is a whole number from 1 to *most*, and 0 when it is absent."""
    count = _positive(annotations.get(key), f"{where}.{key}") or 0
    if count > most:
        raise ContractError(f"{where}.{key}", f"more than {most}", f"write a whole number from 1 to {most}")
    return count


_PARAMETERS = {Mask.PARTIAL: {"keep_first", "keep_last"}, Mask.GENERALISE: {"to", "size"}}


def _check_parameters(pii: Pii, where: str) -> None:
    if pii.mask is Mask.PARTIAL and not pii.keep_first + pii.keep_last:
        raise ContractError(where, "partial keeps nothing", "write keep_first or keep_last, or use redact")
    if pii.mask is Mask.GENERALISE and pii.to is None:
        raise ContractError(where, "generalise without to", f'write "to": one of {", ".join(Generalise)}')
    if pii.to is Generalise.BUCKET and pii.size is None:
        raise ContractError(where, "a bucket without a size", 'write "size", a whole number from 1, such as 10')
    if pii.to is not Generalise.BUCKET and pii.size is not None:
        raise ContractError(where, "a size that nothing uses", 'remove it, or write "to": "bucket"')


def _mapping(value: object, where: str, remedy: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ContractError(where, "missing, or not a JSON object", remedy)
    return value


def _event_time(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ContractError(where, "missing", "name the timestamp field that says when the event happened")
    return value


def _refuse_unknown(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in sorted(set(given) - known):
        raise ContractError(
            where, f"unknown annotation {key!r}", f"remove it, or use one of {', '.join(sorted(known))}"
        )


def _identifier(given: Mapping[str, Any], key: str, where: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise ContractError(
            f"{where}.{key}",
            "missing" if value is None else "invalid name",
            f"use at most {MAX_IDENTIFIER} lower-case letters, digits and _, and no digit first",
        )
    return value


def _member(members: type[E], value: object, where: str) -> E:
    if not isinstance(value, str) or value not in set(members):
        why = "missing" if value is None else "not one of the known values"
        raise ContractError(where, why, f"choose from {', '.join(members)}")
    return members(value)


def _names(value: object, where: str, at_most: int) -> tuple[str, ...]:
    names = tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else None
    if names is None or len(names) != len(value) or len(set(names)) != len(names) or len(names) > at_most:  # type: ignore[arg-type]
        raise ContractError(
            where,
            f"not a list of at most {at_most} different field names",
            f"write a list of at most {at_most} field names, each once",
        )
    return names


def _positive(value: object, where: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ContractError(where, "not a whole number from 1", "write a whole number from 1, without quotation marks")
    return value


def _boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ContractError(where, "neither true nor false", "write true or false, without quotation marks")
    return value
