"""The event time from where it is: fields of each type, attributes, fallbacks, and the publish time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.envelope import to_micros
from headrace.schemas.errors import ContractError, UnreadableTextError
from headrace.schemas.message_rules.event_moment import EARLIEST, LATEST, attribute_moment, field_moment
from headrace.schemas.message_rules.event_time import AttributeTime, FieldTime, PublishTime, TimeUnit
from headrace.schemas.model import Kind
from headrace.schemas.registry import Contract
from tests.support.builders import TIMESTAMP, a_contract, a_record, event_moment_of

LOCAL = {"type": "long", "logicalType": "local-timestamp-micros"}
SECOND = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
EPOCH_SECONDS = 1_773_500_966


def rule(value: Any, *fields: Any) -> Any:
    return a_contract(*fields, event_time=value).options.event_time


@pytest.mark.parametrize(
    ("value", "fields", "expected"),
    [
        ("at", [], FieldTime(("at",))),
        ("placed.at", [("placed", a_record("P", ("at", TIMESTAMP)))], FieldTime(("placed", "at"))),
        ("publish_time", [], PublishTime()),
        ("publish_time", [("publish_time", TIMESTAMP)], FieldTime(("publish_time",))),
        ({"field": "n", "unit": "millis"}, [("n", "long")], FieldTime(("n",), TimeUnit.MILLIS)),
        ({"attribute": "kafka.timestamp", "unit": "millis"}, [], AttributeTime("kafka.timestamp", TimeUnit.MILLIS)),
        (
            {"field": "when", "fallback": {"attribute": "ce-time", "fallback": "publish_time"}},
            [("when", ["null", TIMESTAMP], {"default": None})],
            FieldTime(("when",), fallback=AttributeTime("ce-time", fallback=PublishTime())),
        ),
    ],
    ids=str,
)
def test_a_rule_is_read(value: Any, fields: list[Any], expected: Any) -> None:
    assert rule(value, *fields) == expected


WRONG: list[tuple[Any, str, Any]] = [
    ("f.", "not a field", "f"),
    (7, "not a JSON object", "at"),
    ("nowhere", "no field nowhere", "at"),
    ("f.at", "no field f.at", "f"),
    ({"field": "n"}, "a number without its unit", {"field": "n", "unit": "millis"}),
    ({"field": "at", "unit": "millis"}, "a unit for a value", {"field": "at"}),
    ({"field": "n", "unit": "days"}, "not one of the known values", {"field": "n", "unit": "seconds"}),
    ({"field": "n", "unit": "millis", "zone": "UTC"}, "a zone for a value", {"field": "n", "unit": "millis"}),
    ("local", "a local time without its time zone", {"field": "local", "zone": "Europe/Berlin"}),
    ({"field": "local", "zone": "Mars/Olympus"}, "no time zone", {"field": "local", "zone": "UTC"}),
    ("when", "may be null, without a fallback", {"field": "when", "fallback": "publish_time"}),
    ({"field": "at", "fallback": "publish_time"}, "a fallback for a value that is never null", {"field": "at"}),
    ("personal", "a masked event time", "at"),
    ("tags", "neither a timestamp, a number nor a text", "publish_time"),
    ({"attribute": ""}, "an empty one", {"attribute": "ce-time"}),
    ({"attribute": "x", "unit": "millis", "zone": "UTC"}, "a zone for a number", {"attribute": "x", "unit": "millis"}),
    (
        {"attribute": "x", "fallback": "at"},
        "a field as the fallback of an attribute",
        {"field": "when", "fallback": {"attribute": "x"}},
    ),
]
FIELDS = [
    ("f", "string", {"pii": "none"}),
    ("n", "long", {"pii": "none"}),
    ("local", LOCAL, {"pii": "none"}),
    ("when", ["null", TIMESTAMP], {"default": None, "pii": "none"}),
    ("personal", "string", {"pii": {"kind": "birth", "mask": "redact"}}),
    ("tags", {"type": "array", "items": "string"}, {"pii": "none"}),
]


@pytest.mark.parametrize(("value", "why", "good"), WRONG, ids=[str(value) for value, _, _ in WRONG])
def test_a_wrong_rule_is_refused_and_accepted_once_its_remedy_is_followed(value: Any, why: str, good: Any) -> None:
    def contract(event_time: Any) -> Contract:
        return a_contract(*FIELDS, event_time=event_time)

    with pytest.raises(ContractError, match=why):
        contract(value)
    contract(good)


@pytest.mark.parametrize(
    ("kind", "rule", "value"),
    [
        (Kind.TIMESTAMP_MICROS, FieldTime(("at",)), to_micros(SECOND)),
        (Kind.LONG, FieldTime(("at",), TimeUnit.SECONDS), EPOCH_SECONDS),
        (Kind.LONG, FieldTime(("at",), TimeUnit.MILLIS), EPOCH_SECONDS * 1000),
        (Kind.LONG, FieldTime(("at",), TimeUnit.MICROS), EPOCH_SECONDS * 10**6),
        (Kind.LONG, FieldTime(("at",), TimeUnit.NANOS), EPOCH_SECONDS * 10**9 + 999),
        (Kind.DOUBLE, FieldTime(("at",), TimeUnit.SECONDS), float(EPOCH_SECONDS)),
        (Kind.DOUBLE, FieldTime(("at",), TimeUnit.NANOS), EPOCH_SECONDS * 1e9),
        (Kind.STRING, FieldTime(("at",)), "2026-03-14t15:09:26z"),
        (Kind.STRING, FieldTime(("at",)), "2026-03-14T16:09:26.000000000+01:00"),
        (Kind.STRING, FieldTime(("at",), zone="Europe/Berlin"), "2026-03-14 16:09:26"),
        (Kind.STRING, FieldTime(("at",), zone="Europe/Berlin"), "2026-03-14T15:09:26Z"),
        (Kind.LOCAL_TIMESTAMP_MICROS, FieldTime(("at",), zone="Asia/Kolkata"), to_micros(SECOND) + 19_800_000_000),
    ],
)
def test_a_value_of_each_type_is_the_moment_that_it_means(kind: Kind, rule: FieldTime, value: Any) -> None:
    assert field_moment(kind, rule)(value) == to_micros(SECOND)


@pytest.mark.parametrize(
    ("kind", "rule", "value", "why"),
    [
        (Kind.LONG, FieldTime(("at",), TimeUnit.SECONDS), 2**62, "outside the years"),
        (Kind.TIMESTAMP_MICROS, FieldTime(("at",)), LATEST + 1, "outside the years"),
        (Kind.DOUBLE, FieldTime(("at",), TimeUnit.SECONDS), float("nan"), "not a finite number"),
        (Kind.DOUBLE, FieldTime(("at",), TimeUnit.SECONDS), 1e308, "outside the years"),
        (Kind.STRING, FieldTime(("at",)), "2026-03-14T15:09:26", "not RFC 3339"),
        (Kind.STRING, FieldTime(("at",)), "2026-03-14T15:09:26.123456789Z", "finer than a microsecond"),
        (Kind.LOCAL_TIMESTAMP_MICROS, FieldTime(("at",), zone="America/New_York"), LATEST, "outside"),
    ],
)
def test_a_value_that_is_no_time_is_refused_without_showing_it(
    kind: Kind, rule: FieldTime, value: Any, why: str
) -> None:
    with pytest.raises(UnreadableTextError, match=why) as refused:
        field_moment(kind, rule)(value)
    assert str(value) not in str(refused.value)


def test_clocks_that_change_give_the_earlier_moment_and_skip_forward() -> None:
    read = field_moment(Kind.STRING, FieldTime(("at",), zone="Europe/Berlin"))

    twice, skipped = read("2026-10-25T02:30:00"), read("2026-03-29T02:30:00")

    assert twice == to_micros(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert skipped == to_micros(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "-", "+1", "1.5", " 1", "\u0661", "9" * 21, "0x1"])
def test_an_attribute_that_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(UnreadableTextError):
        attribute_moment(AttributeTime("x", TimeUnit.MILLIS))(text)


@given(st.integers(EARLIEST // 1000 + 1, LATEST // 1000))
def test_an_attribute_in_millis_is_that_moment(millis: int) -> None:
    assert attribute_moment(AttributeTime("x", TimeUnit.MILLIS))(str(millis)) == millis * 1000


def test_the_fields_of_an_event_say_its_time_through_fallbacks() -> None:
    contract = a_contract(
        ("first", ["null", "long"], {"default": None}),
        ("inner", ["null", a_record("I", ("text", "string"))], {"default": None}),
        event_time={
            "field": "first",
            "unit": "seconds",
            "fallback": {"field": "inner.text", "fallback": "publish_time"},
        },
    )

    assert event_moment_of(contract, {"first": EPOCH_SECONDS}) == SECOND
    assert event_moment_of(contract, {"first": None, "inner": {"text": "2026-03-14T15:09:26Z"}}) == SECOND
    assert contract.event_moment({"at": SECOND}) is None
