"""Waivers that name a field which no version has, so that they never count."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from difflib import get_close_matches
from itertools import groupby
from typing import Final

from headrace.schemas.annotations import KNOWN
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.model import walk
from headrace.schemas.registry import Contract

_OURS: Final = "headrace."


def unknown_fields(contracts: Mapping[SchemaRef, Contract], checked: Container[SchemaRef]) -> Iterator[ContractError]:
    """Yield a fault for each waiver of a field that neither its version nor an earlier one of *contracts* has.

    Only waivers of the *checked* versions are looked at.
    """
    for _, refs in groupby(sorted(contracts), key=lambda ref: ref.subject):
        paths: dict[str, None] = {}
        for contract in (contracts[ref] for ref in refs):
            paths |= {path: None for path, _ in walk(contract.record)}
            waivers = contract.options.waivers if contract.ref in checked else ()
            for number, waiver in enumerate(waivers):
                if waiver.field and waiver.field not in paths and not _is_annotation(waiver.field):
                    place = f"{contract.ref.short}.headrace.waivers[{number}].field"
                    why = "no such field in this version or an earlier one, so the waiver never counts"
                    yield ContractError(place, why, _remedy(waiver.field, list(paths)))


def _is_annotation(field: str) -> bool:
    """Return whether a waiver names an annotation as findings do, such as ``headrace.table``."""
    return field.startswith(_OURS) and field.removeprefix(_OURS).partition(".")[0] in KNOWN


def _remedy(field: str, paths: list[str]) -> str:
    close = get_close_matches(field, paths, 1)
    return f"write {close[0]}" if close else "write the path of a field, such as customer.email, or remove the waiver"
