"""Contracts, events and payloads that are valid unless a test says otherwise."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.schemas.samples import SAMPLES
from headrace.schemas.stored import stored

PACKAGE = Registry.load(SAMPLES)
FLIGHT = PACKAGE[SchemaRef("flight_departed", 1)]
BOOKING_V1 = PACKAGE[SchemaRef("booking_created", 1)]
BOOKING = PACKAGE[SchemaRef("booking_created", 2)]

MOMENT = datetime(2026, 3, 14, 15, 9, 26, 535_000, UTC)
TIMESTAMP = {"type": "long", "logicalType": "timestamp-micros"}


def a_decimal(precision: int, scale: int, size: int | None = None) -> dict[str, Any]:
    """The Avro type of a decimal; of a fixed when *size* is given."""
    base = {"type": "bytes"} if size is None else {"type": "fixed", "name": f"D{precision}_{scale}", "size": size}
    return {**base, "logicalType": "decimal", "precision": precision, "scale": scale}


def a_record(name: str, *fields: Any) -> dict[str, Any]:
    """The Avro type of a record."""
    return {"type": "record", "name": name, "fields": [a_field(field) for field in fields]}


def a_field(field: Any) -> dict[str, Any]:
    """A field from ``("name", type)``, ``("name", type, {"default": ...})`` or its JSON."""
    if isinstance(field, Mapping):
        return dict(field)
    name, type_, *more = field
    return {"name": name, "type": type_, **(more[0] if more else {})}


def event_moment_of(contract: Contract, fields: Mapping[str, Any]) -> datetime:
    """The time that the fields of an event say."""
    moment = contract.event_moment(fields)
    assert moment is not None
    return moment


def contract_json(*fields: Any, at: Any = TIMESTAMP, **annotations: Any) -> dict[str, Any]:
    """A contract's JSON: *fields*, then the event time ``at``; an annotation of None is left out.

    The subject is declared free of personal data, unless something classifies a field.
    """
    headrace = {
        "table": "things",
        "event_time": "at",
        "late_after": "30d",
        "ahead_at_most": "10m",
        "encoding": "datum",  # records of so few fields are ambiguous otherwise
    } | annotations
    listed = [a_field(field) for field in fields]
    headrace = declared_free(headrace, listed)
    last = {"name": "at", "type": at} | ({} if "pii" in headrace or "fields" in headrace else {"pii": "none"})
    return {
        "type": "record",
        "name": "ThingHappened",
        "headrace": {key: value for key, value in headrace.items() if value is not None},
        "fields": [*listed, last],
    }


def declared_free(headrace: dict[str, Any], fields: list[Any]) -> dict[str, Any]:
    """A contract's annotation, which says that the subject has no personal data unless something classifies a field."""
    classifies = '"pii"' in json.dumps([fields, headrace.get("fields")])
    return headrace if "pii" in headrace or classifies else {**headrace, "pii": "none"}


def a_contract(*fields: Any, subject: str = "thing_happened", version: int = 1, **annotations: Any) -> Contract:
    """A contract of *fields* and the event time ``at``."""
    return parse_contract(SchemaRef(subject, version), json.dumps(contract_json(*fields, **annotations)))


def a_tokenised_contract(*fields: Any) -> Contract:
    """A contract of a tokenised ``email``, then *fields* and the event time, which are not personal."""
    email = ("email", "string", {"pii": {"kind": "email", "mask": "tokenise"}})
    return a_contract(email, *({"pii": "none"} | a_field(field) for field in fields))


def encode(contract: Contract, fields: Mapping[str, Any]) -> bytes:
    """The payload as a producer writes it; a union of several types is given as ``{name of the branch: value}``."""
    if contract.encoder is not None:
        return contract.encoder(fields)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, contract.avro, fields)
    return out.getvalue()


def decode(contract: Contract, data: bytes, reader: Contract | None = None) -> dict[str, Any]:
    """The payload as the job reads it, by field name."""
    record = (reader or contract).record
    values = compile_decoder(contract.record, record)(data)
    return {field.name: value for field, value in zip(stored(record).fields, values, strict=True)}


def a_flight(**changes: Any) -> dict[str, Any]:
    """A flight event."""
    return {
        "carrier": "UA",
        "flight": 1545,
        "tail_number": "N14228",
        "origin": "EWR",
        "destination": "IAH",
        "scheduled_at": MOMENT,
        "departed_at": MOMENT.replace(minute=11),
        "departure_delay_minutes": 2,
        "arrival_delay_minutes": -11,
        "air_time_minutes": 227,
        "distance_miles": 1400,
        "cancelled": False,
    } | changes


def a_booking_v1(**changes: Any) -> dict[str, Any]:
    """A booking event of version 1."""
    return {
        "booking_id": UUID("0b7f5a3e-9c1d-4e2f-8a6b-112233445566"),
        "created_at": MOMENT,
        "channel": "WEB",
        "currency": "EUR",
        "total": Decimal("1234.500000001"),
        "paid": True,
        "email": "ada@example.com",
        "phone": "+44 20 7946 0958",
        "ip_address": "203.0.113.77",
        "card_number": "4111111111111111",
        "passengers": [{"name": "Ada", "birth_date": date(1985, 12, 10), "document": "X1234567"}],
        "segments": [
            {
                "carrier": "BA",
                "flight": 117,
                "departs_on": date(2026, 4, 1),
                "departs_at": time(8, 25),
                "fare": Decimal("612.25"),
            }
        ],
        "notes": "window seat",
        "labels": {"campaign": "spring"},
    } | changes


def a_booking(**changes: Any) -> dict[str, Any]:
    """A booking event of version 2: a value of every type there is."""
    return (
        a_booking_v1(
            passengers=[{"name": "Ada", "birth_date": date(1985, 12, 10), "document": "X1234567", "seat": "12A"}]
        )
        | {
            "customer_number": 700_100_200,
            "loyalty_points": 12_345,
            "contact": {"name": "Grace", "city": None, "country": "GB"},
            "discount_rate": 0.25,
            "carbon_kilograms": 912.7,
            "check_in_opens": time(6, 0, 0, 1),
            "paid_at": MOMENT,
            "departs_local": datetime(2026, 4, 1, 8, 25, 0, 7),
            "held_until_local": datetime(2026, 3, 20, 23, 59),
            "signature": b"\x00\xff\x10",
            "checksum": b"12345678",
            "exchange_rate": Decimal("1.0837"),
            "ratings": {"staff": 5, "site": 3},
            "tags": ["family", "first"],
        }
        | changes
    )


def an_envelope(**changes: Any) -> Envelope:
    """The envelope of a flight."""
    values: dict[str, Any] = {"event_id": "e1", "schema": FLIGHT.ref, "event_time": MOMENT, "source": "test"} | changes
    return Envelope(**values)
