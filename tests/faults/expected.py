"""What a row must hold, worked out value by value from the event: the contracts' masks, written a second time.

On purpose nothing of ``headrace.steps.mask.partial_masks`` is used: a mask that is wrong there must not be wrong here
too.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

SECOND_VERSION: Mapping[str, Any] = {
    "customer_number": None,
    "loyalty_points": None,
    "contact": None,
    "discount_rate": None,
    "carbon_kilograms": None,
    "check_in_opens": None,
    "paid_at": None,
    "departs_local": None,
    "held_until_local": None,
    "signature": None,
    "checksum": None,
    "exchange_rate": None,
    "ratings": {},
    "tags": [],
}


def flight_row(fields: Mapping[str, Any], event_id: str, source: str) -> dict[str, Any]:
    """A flight holds nothing personal."""
    return normal_row({**fields, **_ours(event_id, fields["scheduled_at"], 1, source)})


def booking_row(fields: Mapping[str, Any], event_id: str, source: str, version: int, key: bytes) -> dict[str, Any]:
    """A booking, masked as ``booking_created.v2.avsc`` says; an event of version 1 has the newer fields' defaults."""
    row = {**SECOND_VERSION, **fields}
    del row["card_number"]
    row["email"] = token("email", fields["email"].strip().casefold(), key)
    row["phone"] = hidden(fields["phone"], 2)
    row["ip_address"] = _network(fields["ip_address"])
    row["passengers"] = [_passenger(each) for each in fields["passengers"]]
    row["notes"] = None
    number, points, contact = (row[name] for name in ("customer_number", "loyalty_points", "contact"))
    row["customer_number"] = None if number is None else token("customer_number", str(number), key)
    row["loyalty_points"] = None if points is None else points // 1000 * 1000
    row["contact"] = None if contact is None else {**contact, "name": None}
    for name in ("labels", "ratings"):
        row[name] = [{"key": key, "value": value} for key, value in row[name].items()]
    return normal_row({**row, **_ours(event_id, fields["created_at"], version, source)})


def token(kind: str, text: str, key: bytes, version: str = "1") -> str:
    """HMAC-SHA-256 in the domain of its kind, cut to 128 bits."""
    domain = hmac.new(key, kind.encode(), hashlib.sha256).digest()
    digest = hmac.new(domain, unicodedata.normalize("NFKC", text).encode(), hashlib.sha256).hexdigest()
    return f"t{version}_{digest[:32]}"


def hidden(text: str | None, kept: int) -> str | None:
    """Stars but for the last characters."""
    if text is None:
        return None
    return "*" * len(text) if len(text) <= kept else "*" * (len(text) - kept) + text[-kept:]


def normal_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """One spelling for what BigQuery and Python write differently."""
    return {name: _normal(value) for name, value in row.items()}


def _normal(value: Any) -> Any:
    match value:
        case Mapping():
            return normal_row(value)
        case list() | tuple():
            return [_normal(each) for each in value]
        case UUID():
            return str(value)
        case Decimal():
            return value.normalize()
        case datetime() if value.tzinfo is not None:
            return value.timestamp()
        case _:
            return value


def _passenger(passenger: Mapping[str, Any]) -> dict[str, Any]:
    born = passenger["birth_date"]
    return {
        "name": None,
        "birth_date": None if born is None else born.replace(day=1),
        "document": hidden(passenger["document"], 3),
        "seat": passenger.get("seat"),
    }


def _network(text: str | None) -> str | None:
    if text is None:
        return None
    bits = 24 if ipaddress.ip_address(text).version == 4 else 48
    return str(ipaddress.ip_network((text, bits), strict=False))


def _ours(event_id: str, at: datetime, version: int, source: str) -> dict[str, Any]:
    return {"_event_id": event_id, "_event_time": at, "_schema_version": version, "_source": source}
