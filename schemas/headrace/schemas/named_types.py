"""Definitions of enums and fixeds, and names of types that are not defined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from headrace.schemas.avro_names import PRIMITIVES, checked_name
from headrace.schemas.errors import ContractError
from headrace.schemas.model import Enumeration

MAX_FIXED: Final = 1_048_576  # bytes


def parse_enum(avro: Mapping[str, Any], name: str, where: str) -> Enumeration:
    """Read the symbols and the default of the enum with the full *name*.

    Raises:
        ContractError: it has no symbols, or one twice; or the default is not one of them.
    """
    symbols = avro.get("symbols")
    if not isinstance(symbols, list) or not symbols:
        raise ContractError(where, "an enum without symbols", 'write "symbols": ["ONE", "OTHER"]')
    names = tuple(checked_name(symbol, f"{where}.symbols[{number}]") for number, symbol in enumerate(symbols))
    if len(set(names)) != len(names):
        twice = next(symbol for symbol in names if names.count(symbol) > 1)
        raise ContractError(where, f"symbol {twice} is listed twice", "list it once")
    parsed = Enumeration(names, avro.get("default"), name)
    if parsed.default is not None and parsed.default not in parsed.symbols:
        raise ContractError(where, "its default is not one of its symbols", "choose one of the symbols")
    return parsed


def parse_size(avro: Mapping[str, Any], where: str) -> int:
    """Read the size of a fixed, in bytes; raises ContractError for one beyond 1 MiB."""
    size = avro.get("size")
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_FIXED:
        raise ContractError(
            where, f"the size of a fixed is not a whole number from 1 to {MAX_FIXED}", "give it such a size"
        )
    return size


def unknown_type(name: str, known: Iterable[str], where: str) -> ContractError:
    """Return the error for a name of no type; *known* are the full names of those that are defined."""
    alike = [full for full in known if full.rpartition(".")[2] == name.rpartition(".")[2]]
    if alike:
        return ContractError(where, f"unknown type {name[:80]!r}", f"write {' or '.join(alike)}")
    return ContractError(
        where,
        f"unknown type {name[:80]!r}",
        f"use {', '.join(sorted(PRIMITIVES - {'null'}))}, or define the type here or in another file of the folder",
    )


def check_doc(avro: Mapping[str, Any], where: str) -> str:
    """Read a doc; null counts as absent. Raises ContractError if it is not text."""
    doc = avro.get("doc")
    if doc is not None and not isinstance(doc, str):
        raise ContractError(f"{where}.doc", "not text", "write a sentence, or leave doc out")
    return doc or ""
