"""One id for one event, whoever derives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid5

from schemas.envelope import to_rfc3339
from schemas.model import Kind, Scalar
from schemas.registry import Contract

# The namespace of every derived id; changing it would change what "the same event" means.
NAMESPACE: Final = UUID("6f0f5a0e-3c58-5b6e-9a55-0d8a3d0c7a11")


def derive_event_id(contract: Contract, fields: Mapping[str, Any]) -> str | None:
    """Derive the UUIDv5 of an event from its contract's ``identity`` fields; None when it declares none.

    *fields* must have passed :func:`schemas.validate.validate`. The version takes no part: an event stays
    the same event when its contract grows.
    """
    if not contract.options.identity:
        return None
    known = {field.name: field for field in contract.record.fields}
    values = []
    for name in contract.options.identity:
        value = _canonical(fields.get(name, known[name].default))
        values.append(value.lower() if known[name].type == Scalar(Kind.UUID) else value)
    named = json.dumps([contract.subject, *values], ensure_ascii=False, separators=(",", ":"))
    return str(uuid5(NAMESPACE, named))


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
    """Every digit and no trailing zero; ``normalize`` would round to the context's 28 digits."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
