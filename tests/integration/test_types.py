"""Every supported type survives value by value: published, read back by SQL, compared."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.audit.reconcile import audit
from headrace.audit.scope import Scope
from headrace.producers import EventProducer, PubSubPublisher
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.registry import Registry
from tests.support.builders import a_decimal, a_record
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators


def logical(base: str, name: str) -> dict[str, str]:
    return {"type": base, "logicalType": name}


ITEM = a_record("Item", ("name", "string"), ("price", a_decimal(38, 9)), ("gone", ["null", "long"]))
TYPES: dict[str, Any] = {
    "boolean": "boolean",
    "int": "int",
    "long": "long",
    "float": "float",
    "double": "double",
    "string": "string",
    "bytes": "bytes",
    "fixed": {"type": "fixed", "name": "Four", "size": 4},
    "enum": {"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN"]},
    "uuid": logical("string", "uuid"),
    "date": logical("int", "date"),
    "time_millis": logical("int", "time-millis"),
    "time_micros": logical("long", "time-micros"),
    "timestamp_millis": logical("long", "timestamp-millis"),
    "timestamp_micros": logical("long", "timestamp-micros"),
    "local_millis": logical("long", "local-timestamp-millis"),
    "local_micros": logical("long", "local-timestamp-micros"),
    "numeric": a_decimal(38, 9),
    "bignumeric": a_decimal(38, 18, 16),
    "optional_long": ["null", "long"],
    "optional_last": ["string", "null"],
    "record": ITEM,
    "items": {"type": "array", "items": "Item"},
    "words": {"type": "array", "items": "string"},
    "map": {"type": "map", "values": "long"},
    "json": {"type": "string", "sqlType": "JSON"},
    "perhaps_words": ["null", {"type": "array", "items": "string"}],
    "grid": {"type": "array", "items": {"type": "array", "items": "long"}},
    "blanks": {"type": "array", "items": ["null", "string"]},
    "groups": {"type": "map", "values": {"type": "array", "items": "string"}},
    "union": ["string", "null", a_record("Cash", ("amount", a_decimal(20, 2))), {"type": "array", "items": "long"}],
}

BERLIN = timezone(timedelta(hours=2))
LOW: dict[str, Any] = {
    "boolean": False,
    "int": -(2**31),
    "long": -(2**63),
    "float": -3.4028234663852886e38,
    "double": -1.7976931348623157e308,
    "string": "",
    "bytes": b"",
    "fixed": b"\0\0\0\0",
    "enum": "RED",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date": date(1, 1, 1),
    "time_millis": time(0, 0),
    "time_micros": time(0, 0),
    "timestamp_millis": datetime(1, 1, 1, tzinfo=UTC),
    "timestamp_micros": datetime(1, 1, 1, tzinfo=UTC),
    "local_millis": datetime(1, 1, 1),
    "local_micros": datetime(1, 1, 1),
    "numeric": Decimal("-99999999999999999999999999999.999999999"),
    "bignumeric": Decimal("-99999999999999999999.999999999999999999"),
    "optional_long": None,
    "optional_last": None,
    "record": {"name": "", "price": Decimal(0), "gone": None},
    "items": [],
    "words": [],
    "map": {},
    "json": "null",
    "perhaps_words": None,
    "grid": [],
    "blanks": [],
    "groups": {},
    "union": None,
}
HIGH: dict[str, Any] = {
    "boolean": True,
    "int": 2**31 - 1,
    "long": 2**63 - 1,
    "float": 1.401298464324817e-45,
    "double": 5e-324,
    "string": "naïve 😀 \x00 \u202e 漢字",
    "bytes": bytes(range(256)),
    "fixed": b"\xff\x00\x7f\x80",
    "enum": "GREEN",
    "uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "date": date(9999, 12, 31),
    "time_millis": time(23, 59, 59, 999_000),
    "time_micros": time(23, 59, 59, 999_999),
    "timestamp_millis": datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC),
    "timestamp_micros": datetime(2026, 7, 1, 1, 30, 0, 1, BERLIN),
    "local_millis": datetime(9999, 12, 31, 23, 59, 59, 999_000),
    "local_micros": datetime(9999, 12, 31, 23, 59, 59, 999_999),
    "numeric": Decimal("99999999999999999999999999999.999999999"),
    "bignumeric": Decimal("0.000000000000000001"),
    "optional_long": 0,
    "optional_last": "",
    "record": {"name": "x", "price": Decimal("0.000000001"), "gone": 7},
    "items": [{"name": "a", "price": Decimal("-1.5"), "gone": None}, {"name": "b", "price": Decimal(2), "gone": 1}],
    "words": ["", "two"],
    "map": {"": 1, "k": -1},
    "json": '{"b": [1, 2.50, 1e2, 18446744073709551615], "a": {"\\u00e9": null}}',
    "perhaps_words": [""],
    "grid": [[1, -1], [], [2**63 - 1]],
    "blanks": ["", None, "x"],
    "groups": {"a": ["b", ""], "c": []},
    "union": {"Cash": {"amount": Decimal("-1.50")}},
}


def write_contract(folder: Path) -> Registry:
    """A contract that only this test knows, in a folder of its own."""
    fields = [{"name": f"f_{name}", "type": type_} for name, type_ in TYPES.items()]
    contract = {
        "type": "record",
        "name": "EverythingHappened",
        "headrace": {
            "table": "everything",
            "event_time": "at",
            "late_after": "30d",
            "ahead_at_most": "10m",
            "cluster": ["f_string"],
            "pii": "none",
        },
        "fields": [{"name": "at", "type": logical("long", "timestamp-millis")}, *fields],
    }
    next(field for field in fields if field["name"] == "f_perhaps_words")["is_null_column"] = True
    (folder / "everything_happened.v1.avsc").write_text(json.dumps(contract))
    return Registry.load(folder)


def round_trip(service: Service, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Publish *events* through the SDK, run the job, and give the rows in the same order."""
    now, run = datetime.now(UTC).replace(microsecond=123_000), uuid4().hex  # two runs may begin in one second
    with EventProducer(
        PubSubPublisher(service.settings.project), source="/types", contracts=service.registry
    ) as producer:
        for number, event in enumerate(events):
            fields = {f"f_{name}": value for name, value in event.items()}
            producer.publish("everything_happened", {"at": now, **fields}, event_id=f"{run}-{number}")
    service.run_until(acknowledged=len(events))
    rows = {row["_event_id"]: row for row in service.rows("everything")}
    return [rows[f"{run}-{number}"] for number in range(len(events))]


def stored(value: Any) -> Any:
    """An event's value as SQL gives it back."""
    if isinstance(value, Mapping):
        return {name: stored(item) for name, item in value.items()}
    if isinstance(value, list):
        return [stored(item) for item in value]
    return value


EMPTY: dict[str, Any] = {"string_value": None, "Cash_value": None, "array_value": []}


def in_columns(name: str, value: Any) -> Any:
    """The value of a field as its column holds it."""
    match name:
        case "map" | "groups":
            return [{"key": key, "value": item} for key, item in value.items()]
        case "json":
            return json.loads(value)
        case "perhaps_words":
            return value or []
        case "grid":
            return [{"items": items} for items in value]
        case "blanks":
            return [{"value": item} for item in value]
        case "union":
            return value and EMPTY | {f"{branch}_value": item for branch, item in value.items()}
        case _:
            return value


def assert_same(row: dict[str, Any], event: dict[str, Any]) -> None:
    for name, given_value in event.items():
        value = in_columns(name, given_value)
        if name == "float":
            (value,) = struct.unpack("<f", struct.pack("<f", value))
        assert row[f"f_{name}"] == stored(value), name


@pytest.fixture
def service(project: str, tmp_path: Path) -> Service:
    return a_service(project, write_contract(tmp_path))


def test_extremes_of_every_type_survive(service: Service) -> None:
    low, high = round_trip(service, [LOW, HIGH])

    assert_same(low, LOW)
    assert_same(high, HIGH)
    assert (low["f_perhaps_words_is_null"], high["f_perhaps_words_is_null"]) == (True, False)


LONGS = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
FIRST, LAST = datetime(1, 1, 2), datetime(9999, 12, 30)
ITEMS = st.fixed_dictionaries(
    {
        "name": TEXT,
        "price": st.decimals(-(10**28), 10**28, places=9, allow_nan=False),
        "gone": st.none() | LONGS,
    }
)
EVENTS = st.fixed_dictionaries(
    {
        "boolean": st.booleans(),
        "int": st.integers(-(2**31), 2**31 - 1),
        "long": LONGS,
        "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
        "double": st.floats(allow_nan=False, allow_infinity=False),
        "string": TEXT,
        "bytes": st.binary(max_size=20),
        "fixed": st.binary(min_size=4, max_size=4),
        "enum": st.sampled_from(["RED", "GREEN"]),
        "uuid": st.uuids().map(str),
        "date": st.dates(),
        "time_millis": st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
        "time_micros": st.times(),
        "timestamp_millis": st.datetimes(FIRST, LAST, timezones=st.just(UTC)).map(
            lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
        ),
        "timestamp_micros": st.datetimes(FIRST, LAST, timezones=st.just(BERLIN)),
        "local_millis": st.datetimes(FIRST, LAST).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
        "local_micros": st.datetimes(FIRST, LAST),
        "numeric": st.decimals(-(10**28), 10**28, places=9, allow_nan=False),
        "bignumeric": st.decimals(-(10**19), 10**19, places=18, allow_nan=False),
        "optional_long": st.none() | LONGS,
        "optional_last": st.none() | TEXT,
        "record": ITEMS,
        "items": st.lists(ITEMS, max_size=3),
        "words": st.lists(TEXT, max_size=3),
        "map": st.dictionaries(TEXT, LONGS, max_size=3),
        "json": st.dictionaries(st.sampled_from("ab"), LONGS | TEXT | st.none()).map(json.dumps),
        "perhaps_words": st.none() | st.lists(TEXT, max_size=2),
        "grid": st.lists(st.lists(LONGS, max_size=2), max_size=3),
        "blanks": st.lists(st.none() | TEXT, max_size=3),
        "groups": st.dictionaries(TEXT, st.lists(TEXT, max_size=2), max_size=2),
        "union": st.none()
        | st.fixed_dictionaries({"string": TEXT})
        | st.fixed_dictionaries({"array": st.lists(LONGS, max_size=2)})
        | st.decimals(-(10**17), 10**17, places=2, allow_nan=False).map(lambda each: {"Cash": {"amount": each}}),
    }
)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(EVENTS, min_size=1, max_size=40))
def test_generated_events_survive(service: Service, events: list[dict[str, Any]]) -> None:
    for row, event in zip(round_trip(service, events), events, strict=True):
        assert_same(row, event)


ODD = {"double": math.nan, "float": math.inf, "words": [], "items": [], "map": {}, "string": ""}


def test_what_a_row_of_any_type_says_is_the_same_when_it_is_read_back(service: Service) -> None:
    round_trip(service, [LOW, HIGH, HIGH | ODD, LOW | {"double": -0.0, "float": -math.inf}])

    scope = Scope(now=now_micros(), window=timedelta(minutes=1), grace=timedelta(0), contents=True)
    (found,) = audit(service.registry, service.names, open_bigquery(service.settings.project), scope)

    assert (found.written, found.rows, found.findings) == (4, 4, [])
