"""Names of a union's branches: in Avro's JSON encoding, and as members of the union's column."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from headrace.schemas.column_names import column_names
from headrace.schemas.errors import ContractError

_NAMED: Final = frozenset({"record", "enum", "fixed"})
_SUFFIX: Final = "_value"  # as BigQuery's own import of Avro names the members
_DIGITS: Final = 8


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


def member_names(names: Sequence[str]) -> list[str]:
    """Return a column name for each branch, which depends on no other branch unless two would have the same one.

    Names that would be equal, or differ only in case, get eight digits of the SHA-256 of the branch's name.

    >>> member_names(["string", "shop.Card"])
    ['string_value', 'shop_Card_value']
    >>> member_names(["a.b_c", "a_b.c"])
    ['a_b_c_5b8f934a_value', 'a_b_c_a3715283_value']
    """
    plain = [name.replace(".", "_") for name in names]
    count = Counter(name.lower() for name in plain)
    members = [
        (name if count[name.lower()] == 1 else f"{name}_{_digits(full)}") + _SUFFIX
        for name, full in zip(plain, names, strict=True)
    ]
    return column_names(members, outermost=False)


def refuse_twice(names: Sequence[str], where: str) -> None:
    """Refuse a union with two branches of one name: Avro cannot tell them apart."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ContractError(
                where, f"a union with {name} twice", "list each type once; make one of them a record with one field"
            )


def _digits(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]


_UNNAMED: Final = frozenset(
    {"null", "boolean", "int", "long", "float", "double", "string", "bytes", "array", "map", *_NAMED}
)
