"""The contracts of the test vectors of ``docs/wire.md``: one for each kind of types, and some for ids and retries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.support.builders import TIMESTAMP, a_decimal, a_record

# Vectors have fixed times, so the contracts allow events of the last five years.
_BOUNDS: Final = {"event_time": "at", "late_after": "1825d", "ahead_at_most": "365d"}
AT: Final = ("at", TIMESTAMP)


def _logical(base: str, name: str) -> dict[str, str]:
    return {"type": base, "logicalType": name}


def _array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values}


def _fixed(name: str, size: int, **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size, **more}


def _contract(subject: str, *fields: Any, version: int = 1, **annotations: Any) -> dict[str, Any]:
    record = a_record("".join(word.capitalize() for word in subject.split("_")), *fields)
    headrace = {"table": subject, **_BOUNDS, "pii": "none", **annotations}
    schema = {"type": "record", "name": record["name"], "headrace": headrace, "fields": record["fields"]}
    return {"subject": subject, "version": version, "schema": schema}


_SUIT: Final = {"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS", "SPADES"]}
_NUMBERS: Final = (
    ("a_boolean", "boolean"),
    ("an_int", "int"),
    ("a_long", "long"),
    ("a_float", "float"),
    ("a_double", "double"),
)
_TEXTS: Final = (
    ("a_string", "string"),
    ("a_uuid", _logical("string", "uuid")),
    ("an_enum", _SUIT),
    ("some_bytes", "bytes"),
    ("a_fixed", _fixed("Four", 4)),
    ("a_duration", _fixed("Took", 12, logicalType="duration")),
    ("a_json", {"type": "string", "sqlType": "JSON"}),
    ("unknown", _logical("string", "postal-code")),
)
_TIMES: Final = (
    ("a_date", _logical("int", "date")),
    ("time_millis", _logical("int", "time-millis")),
    ("time_micros", _logical("long", "time-micros")),
    ("timestamp_millis", _logical("long", "timestamp-millis")),
    ("timestamp_micros", TIMESTAMP),
    ("local_millis", _logical("long", "local-timestamp-millis")),
    ("local_micros", _logical("long", "local-timestamp-micros")),
)
_DECIMALS: Final = (
    ("two_digits", a_decimal(2, 0)),
    ("money", a_decimal(9, 2)),
    ("numeric", a_decimal(38, 9)),
    ("bignumeric", a_decimal(38, 18)),
    ("on_fixed", a_decimal(18, 3, 8)),
)
_ITEM: Final = a_record("Item", ("name", "string"), ("price", a_decimal(9, 2)), ("gone", ["null", "long"]))
_LISTS: Final = (
    ("words", _array("string")),
    ("items", _array(_ITEM)),
    ("counts", _map("long")),
    ("groups", _map(_array("string"))),
    ("place", a_record("Place", ("city", "string"), ("point", a_record("Point", ("x", "int"), ("y", "int"))))),
    ("perhaps_words", ["null", _array("string")], {"is_null_column": True}),
    ("grid", _array(_array("long"))),
    ("blanks", _array(["null", "string"])),
)
_CASH: Final = {"namespace": "shop", **a_record("Cash", ("amount", a_decimal(9, 2)))}
_UNIONS: Final = (
    ("null_first", ["null", "long"]),
    ("null_last", ["string", "null"]),
    ("single", ["string"]),
    ("several", ["null", "string", "long", _CASH, _array("long")]),
)
_KEYS: Final = (
    ("a_boolean", "boolean"),
    ("a_long", "long"),
    ("a_string", "string"),
    ("a_uuid", _logical("string", "uuid")),
    ("an_enum", _SUIT),
    ("some_bytes", "bytes"),
    ("a_decimal", a_decimal(18, 4)),
    ("a_date", _logical("int", "date")),
    ("a_time", _logical("long", "time-micros")),
    ("at_millis", _logical("long", "timestamp-millis")),
    ("at_local", _logical("long", "local-timestamp-micros")),
)
_PARCEL: Final = (
    ("parcel", "string"),
    ("courier", _logical("string", "uuid")),
    ("labels", _map("string")),
    ("stops", _array("int")),
    AT,
)
_NEWER: Final = (("gate", ["null", "string"], {"default": None}), ("priority", "int", {"default": 5}))
_NOTE: Final = (("title", "string"), ("text", "string"), ("author", "string"), AT)

CONTRACTS: Final = (
    _contract("numbers_seen", AT, *_NUMBERS),
    _contract("texts_seen", AT, *_TEXTS),
    _contract("times_seen", AT, *_TIMES),
    _contract("decimals_seen", AT, *_DECIMALS),
    _contract("lists_seen", AT, *_LISTS),
    _contract("unions_seen", AT, *_UNIONS),
    _contract("keys_seen", AT, *_KEYS, identity={"fields": [name for name, _ in (*_KEYS, AT)], "id": "check"}),
    _contract("parcel_moved", *_PARCEL),
    _contract("parcel_moved", *_PARCEL, *_NEWER, version=2),
    _contract("note_taken", *_NOTE),
    _contract("note_kept", *_NOTE, encoding="datum"),
    _contract("note_sent", *_NOTE, encoding={"kind": "datum", "compression": "content-encoding"}),
)


def schema_of(subject: str, version: int) -> Mapping[str, Any]:
    """The schema with which messages of this version are written."""
    (schema,) = [each["schema"] for each in CONTRACTS if (each["subject"], each["version"]) == (subject, version)]
    return dict(schema)
