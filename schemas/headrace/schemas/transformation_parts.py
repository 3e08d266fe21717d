"""Checks of the parts of transformations; each error gives the place, the problem and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.schemas.errors import ContractError
from headrace.schemas.faults import together

MAX_EXPRESSION: Final = 4_000  # characters
MAX_NAME: Final = 128  # characters
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


def objects_in(given: object, where: str, at_most: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each object of a list, with its place: its name, or its index if it has no name."""
    if not isinstance(given, list) or len(given) > at_most or not all(isinstance(each, Mapping) for each in given):
        raise ContractError(
            where, f"not a list of at most {at_most} JSON objects", f"write a list of at most {at_most} JSON objects"
        )
    for index, each in enumerate(given):
        name = each.get("name")
        yield f"{where}.{name if isinstance(name, str) else index}", each


def refuse_other_keys(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise ContractError if an object has keys that are not in *known*."""
    unknown = sorted(set(given) - set(known))
    remedy = f"remove it, or use one of {', '.join(known)}"
    if unknown:
        raise together([ContractError(f"{where}.{key}", f"unknown key {key!r}", remedy) for key in unknown])


def name_in(value: object, where: str, at_most: int = MAX_NAME) -> str:
    """Return a name of at most so many characters; raises ContractError for anything else."""
    if not isinstance(value, str) or len(value) > at_most or not _NAME.fullmatch(value):
        raise ContractError(
            where,
            "missing" if value is None else "invalid name",
            f"use at most {at_most} lower-case letters, digits and _, beginning with a letter",
        )
    return value


def expression_in(value: object, where: str) -> str:
    """Return the text of an expression; raises ContractError for anything else."""
    if not isinstance(value, str) or not value.strip():
        why = "missing" if value is None else "not an expression"
        raise ContractError(where, why, 'write SQL, such as "distance_miles > 0"')
    if len(value) > MAX_EXPRESSION:
        raise ContractError(where, f"longer than {MAX_EXPRESSION} characters", "use a function for it")
    return value


def doc_in(value: object, where: str) -> str:
    """Return a description; raises ContractError for anything else."""
    if not isinstance(value, str):
        raise ContractError(where, "not text", "write a sentence, or leave it out")
    return value
