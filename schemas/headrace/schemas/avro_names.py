"""Names in an Avro schema: which are valid, and how a name and a namespace make a full name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from headrace.schemas.errors import ContractError

# Characters of any name in a schema. Avro allows letters, digits and _; other programs write more, and column_names
# finds a column for them.
MAX_NAME: Final = 1024
_INVISIBLE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\"'`\\\[\]]")
PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "string", "bytes"})


class FullName(NamedTuple):
    """The name of a type, with its namespace; an empty one is the null namespace."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


def declared_name(avro: Mapping[str, Any], enclosing: str, where: str) -> FullName:
    """Return the full name that a record, an enum or a fixed declares within the namespace *enclosing*.

    >>> declared_name({"name": "Money", "namespace": "shop"}, "", "here")
    FullName(namespace='shop', name='Money')
    >>> declared_name({"name": "shop.base.Money", "namespace": "other"}, "", "here")
    FullName(namespace='shop.base', name='Money')
    """
    name = checked_name(avro.get("name"), f"{where}: type")
    namespace = avro.get("namespace")
    if "." not in name and namespace:
        namespace = checked_name(namespace, f"{where}.namespace")
        return FullName(namespace.strip("."), name)
    if "." in name:
        return _split(name, where)
    return FullName(enclosing if namespace is None else "", name)


def candidates(name: str, enclosing: str) -> tuple[str, ...]:
    """Return the full names that *name* may mean within the namespace *enclosing*, the likeliest first.

    A name without a namespace means one of the enclosing namespace, else, as in Java, one of the null namespace.
    """
    if "." in name:
        return (name.removeprefix("."),)
    return (f"{enclosing}.{name}", name) if enclosing else (name,)


def checked_name(value: object, where: str) -> str:
    """Return a name; raises ContractError if it is missing, too long, or has characters that no path can show."""
    if value is None:
        raise ContractError(where, "has no name", 'add "name"')
    if not isinstance(value, str) or not value or len(value) > MAX_NAME or _INVISIBLE.search(value):
        raise ContractError(
            where,
            f"invalid name {str(value)[:40]!r}",
            f"use at most {MAX_NAME} letters, digits and _",
        )
    return value


def checked_names(value: object, where: str, what: str) -> tuple[str, ...]:
    """Return a list of names, such as aliases; null counts as none. Raises ContractError for anything else."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ContractError(where, f"{what} that are not a list", f'write a list of names, such as "{what}": ["old"]')
    return tuple(checked_name(each, f"{where}[{index}]") for index, each in enumerate(value))


def _split(name: str, where: str) -> FullName:
    namespace, _, short = name.rpartition(".")
    if not short:
        raise ContractError(f"{where}: type", f"invalid name {name[:40]!r}", "end it with a name, not with a point")
    return FullName(namespace.strip("."), short)
