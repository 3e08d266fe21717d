"""Messages that other clients wrote, and contracts around the schemas of their teams."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal as Number
from pathlib import Path
from typing import Any, Final, NamedTuple

from headrace.core.message import Message
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.fault_lines import SourceFile
from headrace.schemas.model import (
    INSTANTS,
    Array,
    Decimal,
    Enumeration,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Scalar,
    Type,
)
from headrace.schemas.registry import Registry, parse_contract
from headrace.schemas.sidecar import with_sidecar

SAMPLES: Final = Path(__file__).parent / "foreign_samples"
PUBLISHED: Final = 1_795_000_000_000_000  # microseconds
EVENT_TIMES: Final = {"order_placed": "placed_at", "sensor_reading": "measured_at"}
VERSIONS: Final = {"order_placed": (1, 2), "sensor_reading": (1,)}


class Sample(NamedTuple):
    """One message, and what its client says it means; *expect* is None where it must be refused.

    *envelope* is what the CloudEvents SDK's own event says.
    """

    message: Message
    schema: str | None
    note: str
    expect: Mapping[str, Any] | None
    envelope: Mapping[str, str]


def samples(file: str, subject: str) -> Iterator[Sample]:
    """The messages of *file* that belong to *subject*; those without a schema belong to each."""
    for number, line in enumerate((SAMPLES / "messages" / f"{file}.ndjson").read_text().splitlines()):
        given = json.loads(line)
        schema = given.get("schema")
        if schema is not None and not schema.startswith(f"{subject}."):
            continue
        message = Message(
            subject, base64.b64decode(given["data"]), given["attributes"], f"{file}-{number}", PUBLISHED, ""
        )
        yield Sample(message, schema, given.get("note", ""), given.get("expect"), given.get("envelope", {}))


def foreign_registry(
    subject: str, rules: Mapping[str, Any], by_version: Mapping[int, Mapping[str, Any]] | None = None
) -> Registry:
    """Contracts around the schemas of a team, with *rules* in each sidecar and more in that of one version."""
    return Registry(
        {
            contract.ref: contract
            for contract in (
                parse_contract(SchemaRef(subject, version), _annotated(subject, version, rules, by_version or {}))
                for version in VERSIONS[subject]
            )
        }
    )


def _annotated(subject: str, version: int, rules: Mapping[str, Any], more: Mapping[int, Mapping[str, Any]]) -> str:
    sidecar = {
        "table": subject,
        "event_time": EVENT_TIMES[subject],
        "late_after": "1825d",
        "ahead_at_most": "365d",
        "pii": "none",
        **rules,
        **more.get(version, {}),
    }
    name = f"{subject}.v{version}"
    schema = (SAMPLES / "schemas" / f"{name}.avsc").read_text()
    return with_sidecar(SourceFile(f"{name}.avsc", schema), SourceFile(f"{name}.headrace.json", json.dumps(sidecar)))


def as_expected(record: Record, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values as the samples write them."""
    return {field.name: _expected(field.type, row[field.name]) for field in record.fields}


def only(expected: Any, given: Any) -> Any:
    """*given*, without the members that *expected* has not: a newer version's."""
    if isinstance(expected, Mapping) and isinstance(given, Mapping):
        return {name: only(value, given[name]) for name, value in expected.items()}
    if isinstance(expected, list) and isinstance(given, list) and len(expected) == len(given):
        return [only(one, other) for one, other in zip(expected, given, strict=True)]
    return given


def _expected(type_: Type, value: Any) -> Any:
    match type_:
        case Optional():
            return None if value is None else _expected(type_.item, value)
        case Record():
            return as_expected(type_, value)
        case Array():
            return [_expected(type_.items, item) for item in value]
        case Map():
            return {entry["key"]: _expected(type_.values, entry["value"]) for entry in value}
        case Decimal():
            return format(Number(value).quantize(Number(1).scaleb(-type_.scale)), "f")
        case Fixed() | Scalar(Kind.BYTES):
            return value.hex()
        case Enumeration():
            return value
        case Scalar():
            return _scalar(type_.kind, value)


def _scalar(kind: Kind, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if kind in INSTANTS:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f")
    if hasattr(value, "isoformat"):
        return value.isoformat("microseconds") if kind in (Kind.TIME_MILLIS, Kind.TIME_MICROS) else value.isoformat()
    return value
