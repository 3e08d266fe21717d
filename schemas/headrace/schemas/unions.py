"""Names of a union's branches in Avro's JSON encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_NAMED: Final = frozenset({"record", "enum", "fixed"})


def branch_name(avro: object, namespace: str) -> str:
    """Return the name of a branch in Avro's JSON encoding: the full name of a named type, else the type.

    >>> branch_name({"type": "record", "name": "Card"}, "shop")
    'shop.Card'
    >>> branch_name({"type": "long", "logicalType": "timestamp-micros"}, "shop")
    'long'
    """
    if isinstance(avro, str):
        return avro if avro in _UNNAMED or "." in avro or not namespace else f"{namespace}.{avro}"
    if not isinstance(avro, Mapping):
        return ""
    base = avro.get("type")
    if base not in _NAMED:
        return branch_name(base, namespace)
    return full_name(avro, namespace)


def full_name(avro: Mapping[str, Any], namespace: str) -> str:
    """Return the full name of a named type that is defined where *namespace* is the enclosing one."""
    name, own = str(avro.get("name")), avro.get("namespace")
    if "." in name:
        return name
    within = namespace if own is None else str(own)
    return f"{within}.{name}" if within else name


def namespace_of(avro: Mapping[str, Any], namespace: str) -> str:
    """Return the namespace of the names within a named type."""
    return full_name(avro, namespace).rpartition(".")[0]


_UNNAMED: Final = frozenset(
    {"null", "boolean", "int", "long", "float", "double", "string", "bytes", "array", "map", *_NAMED}
)
