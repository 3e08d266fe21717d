"""Derivation of event ids: every program derives the same id for the same event."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from headrace.schemas.envelope import to_rfc3339
from headrace.schemas.model import Field, Kind, Scalar

if TYPE_CHECKING:  # the registry imports this module
    from headrace.schemas.registry import Contract

DeriveId: TypeAlias = Callable[[Mapping[str, Any]], str]

# Namespace of every derived id. Changing it would give all events new ids.
NAMESPACE: Final = UUID("6f0f5a0e-3c58-5b6e-9a55-0d8a3d0c7a11")
_NAMESPACE_BYTES: Final = NAMESPACE.bytes
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_UUID: Final = Scalar(Kind.UUID)
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def derive_event_id(contract: Contract, fields: Mapping[str, Any]) -> str | None:
    """Derive the UUIDv5 of an event from its contract's ``identity`` fields; None if it declares none.

    *fields* must be the result of :func:`headrace.schemas.validate.validate`. The contract's version does not affect
    the id: an event keeps its id when its contract gets a new version.
    """
    derive = contract.derive_id
    return derive(fields) if derive else None


def compile_identity(subject: str, named: Sequence[Field]) -> DeriveId:
    """Return the function that derives an id from the values of the fields *named*."""
    steps = [(each.name, each.default, _writer(each)) for each in named]
    prefix = _NAMESPACE_BYTES + f"[{_as_json(subject)},".encode()

    def derive(fields: Mapping[str, Any]) -> str:
        texts = [write(fields.get(name, default)) for name, default, write in steps]
        return _uuid_of(prefix + f"{','.join(texts)}]".encode())

    return derive


def _writer(field: Field) -> Callable[[Any], str]:
    """Return the function that writes a value of *field* in JSON; quick for values of the most frequent types."""

    def write(value: Any) -> str:
        kind = type(value)
        if kind is str and not is_uuid:
            return encode_basestring(value)
        if kind is int:
            return str(value)
        if kind is datetime and value.tzinfo is not None:
            return f'"{to_rfc3339(value)}"'
        return in_json(field, value)

    is_uuid = field.type == _UUID
    return write


def id_of(subject: str, named: Sequence[str]) -> str:
    """Return the UUIDv5 of the compact JSON array of the subject and of *named*, the identity values in JSON.

    Raises UnicodeEncodeError for text with half a surrogate pair.

    >>> id_of("order_placed", ["7"])
    '47d7a7be-9466-5b6f-a4e7-91861e914f4a'
    """
    return _uuid_of(_NAMESPACE_BYTES + f"[{','.join((_as_json(subject), *named))}]".encode())


def _uuid_of(hashed: bytes) -> str:
    digest = hashlib.sha1(hashed, usedforsecurity=False).hexdigest()
    variant = _VARIANT[digest[16]]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def in_json(field: Field, value: Any) -> str:
    """Return the *value* of *field* in the JSON form from which ids are derived."""
    plain = _canonical(value)
    return _as_json(plain.lower() if field.type == _UUID else plain)


def _canonical(value: Any) -> Any:
    match value:
        case datetime() if value.tzinfo is not None:
            return to_rfc3339(value)
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return _plain(value) if value else "0"
        case bytes():
            return value.hex()
        case UUID():
            return str(value)
        case _:
            return value


def _plain(value: Decimal) -> str:
    """Write every digit without trailing zeros; ``normalize`` would round to the context's 28 digits."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
