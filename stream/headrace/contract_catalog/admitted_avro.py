"""Whether AsyncAPI's format for Avro admits a schema: it is narrower than Avro, and Headrace reads more than Avro."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from headrace.schemas.avro_names import PRIMITIVES

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def is_admitted(avro: Any) -> bool:
    """Return whether a type fits the JSON Schema of Avro in AsyncAPI 3.0: no full names, nulls or wrapped types."""
    match avro:
        case str():
            return bool(_FULL_NAME.fullmatch(avro))
        case list():
            return bool(avro) and all(map(is_admitted, avro))
        case {"type": "record", "fields": list(fields)}:
            return _is_named(avro) and all(_is_named(each) and is_admitted(each["type"]) for each in fields)
        case {"type": "enum", "symbols": list(symbols)}:
            return _is_named(avro) and all(map(_is_name, symbols))
        case {"type": "fixed"}:
            return _is_named(avro)
        case {"type": "array", "items": items}:
            return _has_doc(avro) and is_admitted(items)
        case {"type": "map", "values": values}:
            return _has_doc(avro) and is_admitted(values)
        case {"type": str(base)}:
            return base in PRIMITIVES
        case _:
            return False


def _is_named(avro: Mapping[str, Any]) -> bool:
    namespace, aliases = avro.get("namespace", "a"), avro.get("aliases", [])
    is_placed = isinstance(namespace, str) and bool(_FULL_NAME.fullmatch(namespace) or not namespace)
    return (
        _is_name(avro["name"])
        and is_placed
        and isinstance(aliases, list)
        and all(map(_is_name, aliases))
        and _has_doc(avro)
    )


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def _has_doc(avro: Mapping[str, Any]) -> bool:
    return isinstance(avro.get("doc", ""), str)
