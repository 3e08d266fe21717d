"""What callers' own objects become in the SDK: what they denote, read once, or a refusal that does not show them."""

from __future__ import annotations

import collections
import enum
import io
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import fastavro
import numpy as np
import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.producers import EventProducer, InvalidEventError
from headrace.producers.testing import FakePublisher
from headrace.schemas import Envelope, Registry
from headrace.schemas.compiled_modules import PURE
from headrace.schemas.encode import encode
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.identity import derive_event_id
from headrace.schemas.model import MAX_ITEMS
from headrace.schemas.registry import Contract
from headrace.schemas.samples import SAMPLES
from headrace.schemas.strict_json import InvalidJsonError, read_json
from headrace.schemas.validate import check, validate
from tests.support.builders import (
    BOOKING,
    FLIGHT,
    MOMENT,
    TIMESTAMP,
    a_booking,
    a_contract,
    a_decimal,
    a_flight,
    decode,
)
from tests.support.callers import MARKER, Answers, Items, Moment, Text, UnreadableError, in_disguise, of_class, raising
from tests.support.strategies import FIXED_PROFILE, contracts, events

NUMBER = UUID("0b7f5a3e-9c1d-4e2f-8a6b-112233445566")
ASKED = {UUID, date, time, datetime, list, dict}  # what these hold, only their own methods say
EXACT = {bool, int, float, str, bytes, Decimal, date, time, datetime, type(None)}


def logical(base: str, name: str) -> dict[str, str]:
    return {"type": base, "logicalType": name}


UUID_TEXT, DATE, TIME = logical("string", "uuid"), logical("int", "date"), logical("long", "time-micros")
WALL, MILLIS = logical("long", "local-timestamp-micros"), logical("long", "timestamp-millis")
ENUM = {"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS"]}
FIXED = {"type": "fixed", "name": "Sum", "size": 4}
ROW = {"type": "record", "name": "Row", "fields": [{"name": "seat", "type": "int"}]}
INTS, MAP = {"type": "array", "items": "int"}, {"type": "map", "values": "int"}


def of(type_: Any) -> Contract:
    return a_contract(("field", type_))


def event_of(value: Any) -> dict[str, Any]:
    return {"field": value, "at": MOMENT}


def published(contract: Contract, fields: Any, **more: Any) -> tuple[Envelope, dict[str, Any]]:
    """The envelope and the decoded payload that an application's event becomes."""
    fake = FakePublisher()
    with EventProducer(fake, source="/s", contracts=Registry({contract.ref: contract})) as producer:
        producer.publish(contract.subject, fields, **more)
    (message,) = fake.messages
    assert {type(each) for each in message.attributes.values()} == {str}
    return Envelope.from_attributes(message.attributes), decode(contract, message.data)


def refused(contract: Contract, fields: Any) -> InvalidEventError:
    """How an application's event is refused: neither the error nor anything that it leads to shows a value."""
    fake = FakePublisher()
    with (
        EventProducer(fake, source="/s", contracts=Registry({contract.ref: contract})) as producer,
        pytest.raises(InvalidEventError) as raised,
    ):
        producer.publish(contract.subject, fields)
    assert fake.messages == []
    assert_tells_nothing(raised.value)
    return raised.value


def assert_tells_nothing(error: BaseException) -> None:
    assert MARKER not in "".join(traceback.format_exception(error))
    assert MARKER not in repr(error)
    assert error.__cause__ is None
    assert error.__context__ is None, "tools that collect errors show it even where Python does not"


TYPES: list[Any] = [
    pytest.param("int", 7, id="int"),
    pytest.param("long", 7, id="long"),
    pytest.param("float", 7.5, id="float"),
    pytest.param("double", 7.5, id="double"),
    pytest.param("double", 7, id="int for a double"),
    pytest.param("string", "seat", id="string"),
    pytest.param("bytes", b"seat", id="bytes"),
    pytest.param(FIXED, b"seat", id="fixed"),
    pytest.param(ENUM, "CLUBS", id="enum"),
    pytest.param(UUID_TEXT, NUMBER, id="uuid"),
    pytest.param(UUID_TEXT, str(NUMBER), id="text of a uuid"),
    pytest.param(DATE, date(2026, 3, 14), id="date"),
    pytest.param(TIME, time(8, 25), id="time"),
    pytest.param(TIMESTAMP, MOMENT, id="moment"),
    pytest.param(MILLIS, MOMENT, id="moment in milliseconds"),
    pytest.param(WALL, datetime(2026, 3, 14), id="wall clock"),
    pytest.param(a_decimal(4, 2), Decimal("12.50"), id="decimal"),
    pytest.param(INTS, [1, 2], id="array"),
    pytest.param(MAP, {"one": 1}, id="map"),
    pytest.param(ROW, {"seat": 1}, id="record"),
]


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize(("type_", "value"), TYPES)
def test_a_value_whose_every_method_raises_is_sent_as_what_it_holds_or_refused(
    type_: Any, value: Any, optional: bool
) -> None:
    unreadable = of_class(raising(type(value)), value)
    is_nested = isinstance(type_, dict) and type_["type"] in ("array", "map")
    contract = of(["null", type_] if optional and not is_nested else type_)

    if type(value) in ASKED:
        assert str(refused(contract, event_of(unreadable))) == (
            f"field: its own code raised UnreadableError (got Raising{type(value).__name__}); "
            "give a value of a built-in type"
        )
    else:
        assert published(contract, event_of(unreadable))[1] == published(contract, event_of(value))[1]


@settings(FIXED_PROFILE, max_examples=150)
@given(st.data())
def test_an_event_of_lying_objects_is_the_event_that_they_hold(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    event = data.draw(events(contract.record))

    read = validate(contract.record, in_disguise(event))

    assert encode(contract, read) == encode(contract, event)
    assert_exact(read)


@settings(FIXED_PROFILE, max_examples=300)
@given(
    st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(min_value=-1000, max_value=1000, places=4),
    st.integers(1, 12),
    st.integers(0, 6),
    st.booleans(),
)
def test_any_decimal_arrives_as_the_number_that_was_given_or_is_refused(
    number: Decimal, precision: int, scale: int, fixed: bool
) -> None:
    precision = max(precision, scale)
    contract = of(a_decimal(precision, scale, 6 if fixed else None))
    unscaled = Fraction(number) * 10**scale
    fits = unscaled.denominator == 1 and abs(unscaled) < 10**precision

    for line in ({"field": number}, fields_from_json(contract.record, {"field": f"{number:E}"})):
        if fits:
            assert published(contract, line | {"at": MOMENT})[1]["field"] == number
        else:
            assert str(refused(contract, line | {"at": MOMENT})).startswith("field: not a value of this field")


def assert_exact(value: Any) -> None:
    match value:
        case dict():
            assert type(value) is dict
            assert {type(key) for key in value} <= {str}
            for each in value.values():
                assert_exact(each)
        case list():
            assert type(value) is list
            for each in value:
                assert_exact(each)
        case _:
            assert type(value) in EXACT
            assert getattr(value, "tzinfo", None) in (None, UTC)


def test_a_mapping_is_asked_once_for_each_field() -> None:
    fields = in_disguise(a_flight())

    envelope, found = published(FLIGHT, fields)

    assert set(fields.asked.values()) == {1}
    assert found == published(FLIGHT, a_flight())[1]
    assert envelope.event_time == MOMENT
    assert envelope.event_id == derive_event_id(FLIGHT, a_flight())


def test_parts_of_an_event_are_asked_once_too() -> None:
    assert published(BOOKING, in_disguise(a_booking()))[1] == published(BOOKING, a_booking())[1]


class Meddling(datetime):
    """Changes the event that it belongs to while it is read, as another thread may."""

    event: dict[str, Any]

    def utcoffset(self) -> timedelta:
        self.event |= {"carrier": "ZZ", "flight": 9, "scheduled_at": MOMENT + timedelta(days=1), "more": MARKER}
        return timedelta(0)


@pytest.mark.parametrize("place", ["scheduled_at", "departed_at"])
def test_id_time_and_payload_are_of_one_event_when_it_changes_meanwhile(place: str) -> None:
    fields = a_flight()
    fields[place] = meddling = Meddling(2026, 3, 14, 15, 9, 26, 535_000, UTC)
    meddling.event = fields

    envelope, found = published(FLIGHT, fields)

    assert fields["carrier"] == "ZZ"
    assert found == published(FLIGHT, a_flight() | {place: MOMENT})[1]
    assert envelope.event_id == derive_event_id(FLIGHT, a_flight())
    assert envelope.event_time == MOMENT


def test_what_an_application_changes_after_publishing_is_not_sent() -> None:
    sent: list[bytes] = []

    class Late(FakePublisher):
        def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Any:
            event["carrier"] = "ZZ"
            sent.append(data)
            return super().publish(subject, data, attributes, ordering_key)

    event = a_flight()
    with EventProducer(Late(), source="/s", contracts=Registry.load(SAMPLES)) as producer:
        producer.publish("flight_departed", event)
    assert decode(FLIGHT, sent[0])["carrier"] == "UA"


class Suit(enum.StrEnum):
    CLUBS = "CLUBS"


class Seat(enum.IntEnum):
    WINDOW = 7


class Plain(enum.Enum):
    CLUBS = "CLUBS"


class Zone(tzinfo):
    """A zone of the application's own, which says something else each time."""

    def __init__(self) -> None:
        self.hours = iter([1, 2, 3, 4])

    def utcoffset(self, moment: datetime | None) -> timedelta:
        class Offset(timedelta):
            def __rsub__(self, other: Any) -> Any:
                return MARKER

        return Offset(hours=next(self.hours))

    def dst(self, moment: datetime | None) -> timedelta | None:
        raise NotImplementedError("the SDK asks for the offset alone")

    def tzname(self, moment: datetime | None) -> str | None:
        raise NotImplementedError("the SDK asks for the offset alone")


Pair = collections.namedtuple("Pair", ["one", "two"])
EARLY, LATE = (datetime(2025, 11, 2, 1, 30, fold=fold, tzinfo=ZoneInfo("America/New_York")) for fold in (0, 1))


@pytest.mark.parametrize(
    ("type_", "value", "plain"),
    [
        pytest.param(ENUM, Suit.CLUBS, "CLUBS", id="a StrEnum for an enum"),
        pytest.param("string", Suit.CLUBS, "CLUBS", id="a StrEnum for text"),
        pytest.param("int", Seat.WINDOW, 7, id="an IntEnum"),
        pytest.param("double", Seat.WINDOW, 7.0, id="an IntEnum for a double"),
        pytest.param("double", np.float64(7.5), 7.5, id="numpy's double"),
        pytest.param("string", np.str_("seat"), "seat", id="numpy's text"),
        pytest.param("bytes", np.bytes_(b"seat"), b"seat", id="numpy's bytes"),
        pytest.param(
            TIMESTAMP, pendulum.datetime(2026, 3, 14, tz="Europe/Paris"), datetime(2026, 3, 13, 23, tzinfo=UTC)
        ),
        pytest.param(WALL, pendulum.naive(2026, 3, 14), datetime(2026, 3, 14), id="pendulum's wall clock"),
        pytest.param(DATE, pendulum.date(2026, 3, 14), date(2026, 3, 14), id="pendulum's date"),
        pytest.param(TIME, pendulum.time(8, 25), time(8, 25), id="pendulum's time"),
        pytest.param(TIMESTAMP, EARLY, datetime(2025, 11, 2, 5, 30, tzinfo=UTC), id="the first of two half past one"),
        pytest.param(TIMESTAMP, LATE, datetime(2025, 11, 2, 6, 30, tzinfo=UTC), id="the second"),
        pytest.param(
            TIMESTAMP, datetime(2026, 1, 1, tzinfo=Zone()), datetime(2025, 12, 31, 23, tzinfo=UTC), id="a zone"
        ),
        pytest.param(INTS, Pair(1, 2), [1, 2], id="a named tuple for an array"),
        pytest.param(ROW, MappingProxyType({"seat": 1}), {"seat": 1}, id="a proxy"),
        pytest.param(MAP, collections.ChainMap({"a": 1}, {"a": 2, "b": 3}), {"a": 1, "b": 3}, id="a chain of maps"),
        pytest.param(MAP, collections.Counter("aab"), {"a": 2, "b": 1}, id="a counter"),
        pytest.param(MAP, collections.defaultdict(int, a=1), {"a": 1}, id="a defaultdict"),
        pytest.param(MAP, {Suit.CLUBS: 1}, {"CLUBS": 1}, id="a StrEnum for a key"),
        pytest.param(UUID_TEXT, Text(NUMBER), str(NUMBER), id="text of a subclass for a UUID"),
        pytest.param(a_decimal(4, 2), Decimal("-0.00"), Decimal("0.00"), id="a negative zero"),
        pytest.param(a_decimal(4, 2, 2), Decimal("-0.00"), Decimal("0.00"), id="a negative zero in a fixed"),
    ],
)
def test_what_denotes_a_value_is_sent_as_that_value(type_: Any, value: Any, plain: Any) -> None:
    found = published(of(type_), event_of(value))
    assert found[1] == published(of(type_), event_of(plain))[1]
    read = check(of(type_).record.fields[0].type, value, "field")
    assert type(read) is type(plain)
    assert_exact(read)


class Offsetless(datetime):
    """A moment whose offset is no duration."""

    def utcoffset(self) -> Any:
        return MARKER


def seats() -> Iterator[int]:
    yield 1


class Endless(Mapping[str, int]):
    """A mapping with no end; as a record it has one name forever."""

    def __getitem__(self, name: str) -> int:
        return 1

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        while True:
            yield "seat"


class Unwritable:
    """A key whose text is a secret, and which takes itself for a name of the contract."""

    def __str__(self) -> str:
        return MARKER

    __repr__ = __str__

    def __hash__(self) -> int:
        return hash("field")

    def __eq__(self, other: object) -> bool:
        raise UnreadableError(MARKER)


class Meta(type):
    """Names its classes by a value."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise UnreadableError(MARKER)


def renamed() -> object:
    """An object whose type hides its name; no module may have such a class, for pytest asks for names."""

    class Renamed(metaclass=Meta):
        pass

    return Renamed()


class AsText:
    """Passes for a text, as proxies do."""

    @property
    def __class__(self) -> Any:
        return str

    @__class__.setter
    def __class__(self, kind: Any) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("type_", "value", "why"),
    [
        pytest.param("boolean", np.bool_(True), "give True or False", id="numpy's boolean"),
        pytest.param("boolean", Seat.WINDOW, "(got Seat); give True or False", id="a number for a boolean"),
        pytest.param("int", np.int64(7), "(got int64); give an int", id="numpy's integer"),
        pytest.param("double", np.float32(7.5), "(got float32); give a float", id="numpy's float"),
        pytest.param("double", True, "(got bool); give a float", id="a boolean for a double"),
        pytest.param(ENUM, Plain.CLUBS, "(got Plain); give one of", id="an Enum that is no text"),
        pytest.param(ENUM, Text(MARKER), "(got Text); give one of CLUBS", id="a text that equals everything"),
        pytest.param("string", AsText(), "(got AsText); give a str", id="an object that passes for a text"),
        pytest.param("string", renamed(), "(got Renamed); give a str", id="a type that does not tell its name"),
        pytest.param("string", Text(MARKER + "\ud800"), "half a surrogate pair", id="half a pair"),
        pytest.param(UUID_TEXT, UUID.__new__(UUID), "raised AttributeError (got UUID)", id="a UUID of nothing"),
        pytest.param(INTS, seats(), "(got generator); give a list", id="a generator"),
        pytest.param(INTS, {1}, "(got set); give a list", id="a set"),
        pytest.param(INTS, np.array([1]), "(got ndarray); give a list", id="numpy's array"),
        pytest.param(INTS, Items([1] * (MAX_ITEMS + 1)), "more than 100000 items", id="a list that counts wrong"),
        pytest.param(MAP, Endless(), "more than 100000 items", id="a mapping without end"),
        pytest.param(ROW, Endless(), "field (a key): the same text twice", id="the same field without end"),
        pytest.param(MAP, Answers({"a": MARKER}), "(got str); give an int", id="a wrong value of a mapping"),
        pytest.param(MAP, {Unwritable(): 1}, "(got Unwritable); give str keys", id="a key that tells a value"),
        pytest.param(ROW, {Unwritable(): 1}, "(got Unwritable); give str keys", id="a field that tells a value"),
        pytest.param(DATE, Moment(2026, 3, 14), "(got Moment); give a datetime.date", id="a moment for a date"),
        pytest.param(TIME, time(8, tzinfo=Zone()), "without a time zone", id="a time with a zone"),
        pytest.param(WALL, datetime(2026, 3, 14, tzinfo=Zone()), "without a time zone", id="a wall clock with one"),
        pytest.param(TIMESTAMP, Moment(2026, 3, 14), "give an aware datetime", id="a moment without a zone"),
        pytest.param(TIMESTAMP, Moment.min.replace(tzinfo=timezone(timedelta(hours=1))), "in UTC", id="year 0"),
        pytest.param(TIMESTAMP, Offsetless(2026, 3, 14), "raised AttributeError (got Offsetless)", id="no offset"),
        pytest.param(a_decimal(4, 2), 12.5, "(got float); give a decimal.Decimal", id="a float for a decimal"),
        pytest.param(a_decimal(4, 2), np.float64(12.5), "(got float64); give a decimal", id="numpy's for a decimal"),
        pytest.param(a_decimal(4, 2), Decimal("sNaN"), "(got Decimal); give a decimal", id="a signalling NaN"),
    ],
)
def test_what_denotes_no_value_of_its_field_is_refused(type_: Any, value: Any, why: str) -> None:
    assert why in str(refused(of(type_), event_of(value)))


def test_keys_of_an_event_that_are_no_texts_are_refused_before_they_are_asked() -> None:
    contract = of("int")
    for event in ({Unwritable(): 1}, {"at": MOMENT, Unwritable(): 1}, {MARKER.encode(): 1}):
        assert str(refused(contract, event)).startswith("ThingHappened (a key): not a value of this field (got ")


class Twin(str):
    """A text that is equal to no other."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def test_one_field_given_twice_is_refused() -> None:
    error = refused(of("int"), {Twin("field"): 1, Twin("field"): 2, "at": MOMENT})
    assert str(error) == "ThingHappened (a key): the same text twice; give each key once"


def test_an_event_that_passes_for_a_mapping_and_fails_is_refused() -> None:
    for fields in (of_class(raising(dict), a_flight()), raising(Endless)()):
        error = refused(FLIGHT, fields)
        assert str(error).startswith("FlightDeparted: its own code raised UnreadableError (got Raising")


def test_what_ends_a_program_is_not_taken_for_a_wrong_value() -> None:
    class Interrupted(datetime):
        def utcoffset(self) -> timedelta:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate(of("int").record, {"field": 1, "at": Interrupted(2026, 3, 14)})


@pytest.mark.parametrize("name", ["event_id", "ordering_key"])
def test_texts_beside_the_event_are_read_once_too(name: str) -> None:
    envelope, _ = published(FLIGHT, a_flight(), **{name: of_class(raising(str), "mine")})
    assert (envelope.event_id == "mine") == (name == "event_id")
    with pytest.raises(ValueError, match=f"{name}: not a text") as raised:
        published(FLIGHT, a_flight(), **{name: Text(MARKER + "\ud800")})
    assert_tells_nothing(raised.value)


def test_nothing_that_the_encoder_says_is_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(out: io.BytesIO, schema: Any, fields: dict[str, Any]) -> None:
        raise ValueError(MARKER)

    monkeypatch.setenv(PURE, "1")
    monkeypatch.setattr(fastavro, "schemaless_writer", refuse)
    assert "Avro cannot hold it (ValueError)" in str(refused(replace(FLIGHT), a_flight()))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("booking_id", MARKER),
        ("created_at", f"2026-02-31T00:00:00Z{MARKER}"),
        ("created_at", "2026-02-31T00:00:00Z"),
        ("created_at", "2026-02-28T00:00:60Z"),
        ("signature", MARKER),
        ("total", MARKER),
        ("loyalty_points", MARKER),
        ("discount_rate", MARKER),
    ],
)
def test_a_text_that_says_no_value_leaves_nothing_in_the_error(name: str, text: str) -> None:
    with pytest.raises(InvalidEventError) as raised:
        fields_from_json(BOOKING.record, {name: text})
    assert_tells_nothing(raised.value)


@pytest.mark.parametrize("text", [f'{{"a": {MARKER}', f'"{MARKER}'.encode() + b"\xff", "[" * 100_000])
def test_a_text_that_is_not_json_leaves_nothing_in_the_error(text: str | bytes) -> None:
    with pytest.raises(InvalidJsonError) as raised:
        read_json(text)
    assert_tells_nothing(raised.value)
