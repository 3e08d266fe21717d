"""Rule of an event's content hash, as a number that is stored with remembered hashes.

It has the number of the rule, and a digest of the newest version's fields. Fields that a later version adds do not
change a hash (:mod:`headrace.schemas.content`), but a field that it removes, or a default that it changes, does.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any, Final

from headrace.schemas.content import RULE
from headrace.schemas.model import (
    MISSING,
    Array,
    Branch,
    Enumeration,
    Field,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
)
from headrace.schemas.registry import Registry
from headrace.schemas.stored import is_wrapped

_DIGEST_BYTES: Final = 7
_NOT_CONTENT: Final = {
    Field: {"doc", "pii", "renamed", "aliases", "single", "column_levels"},
    Record: {"name", "namespace", "datum", "header", "unstored"},
    Optional: {"null_first", "branch"},
    Array: {"single"},
    Map: {"single"},
    Branch: {"pii"},
    Recursive: {"records"},
}
_WIDER: Final = {(Kind.INT, Kind.LONG), (Kind.FLOAT, Kind.DOUBLE)}


def rule_of(newest: Record) -> int:
    """Return the rule of hashes of events that are read as *newest*: a signed number of 64 bits."""
    digest = blake2b(repr(_plain(newest)).encode(), digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(bytes([RULE]) + digest, "little", signed=True)


def comparable_rules(registry: Registry, subject: str) -> frozenset[int]:
    """Return the rules whose hashes, compared with those of the newest version, tell equal contents from others.

    Each version of the *subject* was the newest one once. A hash of another rule proves nothing.
    """
    newest = registry.latest(subject).record
    versions = [each.record for each in registry if each.subject == subject]
    return frozenset(rule_of(each) for each in versions if _hashes_alike(each, newest))


def _plain(node: Any) -> Any:
    """Return a type as tuples, without what no value depends on."""
    if isinstance(node, tuple):
        return tuple(_plain(each) for each in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    left_out = _NOT_CONTENT.get(type(node), set())
    own = [(each.name, _plain(getattr(node, each.name))) for each in fields(node) if each.name not in left_out]
    return type(node).__name__, tuple(own)


def _hashes_alike(older: Type, newest: Type) -> bool:
    """Return whether every value of *older* has the same hash when it is read as *newest*."""
    match older, newest:
        case Record(), Record():
            return _fields_hash_alike(older, newest)
        case Optional(), Optional():
            return _hashes_alike(older.item, newest.item)
        case Array(), Array():
            return is_wrapped(older.items) == is_wrapped(newest.items) and _hashes_alike(older.items, newest.items)
        case Recursive(), Recursive():
            return bool(_plain(older.record) == _plain(newest.record))
        case Map(), Map():
            return _hashes_alike(older.values, newest.values)
        case Enumeration(), Enumeration():
            return set(older.symbols) <= set(newest.symbols)
        case Scalar(kind), Scalar(into) if (kind, into) in _WIDER:
            return True
        case _, Optional() if not isinstance(older, Optional):
            return _hashes_alike(older, newest.item)
        case _:
            return bool(_plain(older) == _plain(newest))


def _fields_hash_alike(older: Record, newest: Record) -> bool:
    known = {each.name: each for each in newest.fields}
    for each in older.fields:
        same = known.pop(each.name, None)
        if same is None or same.is_null_column != each.is_null_column:
            return False
        if not _same_default(each, same) or not _hashes_alike(each.type, same.type):
            return False
    return all(each.default is not MISSING for each in known.values())


def _same_default(one: Field, other: Field) -> bool:
    """Return whether a field is left out at the same value; without a default, it is left out where it is null."""
    return _absent(one) == _absent(other)


def _absent(field: Field) -> str:
    return repr(None if field.default is MISSING else field.default)
