"""Checks of single values in annotations; each error gives the place, the problem and the remedy."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from headrace.schemas.errors import ContractError
from headrace.schemas.faults import together

MAX_IDENTIFIER: Final = 128  # characters of a table's name, and of a kind of personal data
_IDENTIFIER: Final = re.compile(rf"[a-z_][a-z0-9_]{{0,{MAX_IDENTIFIER - 1}}}")
E = TypeVar("E", bound=StrEnum)


def mapping_of(value: object, where: str, remedy: str) -> Mapping[str, Any]:
    """Return a JSON object; raises ContractError with *remedy* for anything else."""
    if not isinstance(value, Mapping):
        raise ContractError(where, "missing, or not a JSON object", remedy)
    return value


def refuse_unknown(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raise ContractError if *given* has keys that are not in *known*."""
    unknown = sorted(set(given) - set(known))
    remedy = f"remove it, or use one of {', '.join(sorted(known))}"
    if unknown:
        raise together([ContractError(f"{where}.{key}", f"unknown annotation {key!r}", remedy) for key in unknown])


def identifier(given: Mapping[str, Any], key: str, where: str) -> str:
    """Return a name of lower-case letters, digits and _; raises ContractError for anything else."""
    value = given.get(key)
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise ContractError(
            f"{where}.{key}",
            "missing" if value is None else "invalid name",
            f"use at most {MAX_IDENTIFIER} lower-case letters, digits and _, and no digit first",
        )
    return value


def member(members: type[E], value: object, where: str) -> E:
    """Return the member of an enum; raises ContractError for anything else."""
    if not isinstance(value, str) or value not in set(members):
        why = "missing" if value is None else "not one of the known values"
        raise ContractError(where, why, f"choose from {', '.join(members)}")
    return members(value)


def names_of(value: object, where: str, at_most: int, what: str = "field names") -> tuple[str, ...]:
    """Return a list of different texts; raises ContractError for anything else."""
    names = tuple(name for name in value if isinstance(name, str) and name) if isinstance(value, list) else None
    if names is None or len(names) != len(value) or len(set(names)) != len(names) or len(names) > at_most:  # type: ignore[arg-type]
        raise ContractError(
            where,
            f"not a list of at most {at_most} different {what}",
            f"write a list of at most {at_most} {what}, each once",
        )
    return names


def text_in(given: Mapping[str, Any], key: str, where: str, remedy: str) -> str:
    """Return a text that is not empty; raises ContractError with *remedy* for anything else."""
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise ContractError(f"{where}.{key}", "missing" if value is None else "not a text, or an empty one", remedy)
    return value


def positive(value: object, where: str) -> int | None:
    """Return a whole number from 1, or None for None; raises ContractError for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ContractError(where, "not a whole number from 1", "write a whole number from 1, without quotation marks")
    return value


def boolean(value: object, where: str) -> bool:
    """Return true or false; raises ContractError for anything else."""
    if not isinstance(value, bool):
        raise ContractError(where, "neither true nor false", "write true or false, without quotation marks")
    return value
