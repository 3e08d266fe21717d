"""The envelope: what every message says about its event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.envelope import Envelope, SchemaRef, from_micros, to_micros, to_rfc3339
from headrace.schemas.errors import MalformedEnvelopeError
from tests.support.builders import MOMENT, an_envelope
from tests.support.strategies import FIXED_PROFILE

SUBJECTS = st.from_regex(r"[a-z][a-z0-9_]{2,99}", fullmatch=True)
REFS = st.builds(SchemaRef, SUBJECTS, st.integers(1, 999_999))
MOMENTS = st.datetimes(timezones=st.just(UTC))


@FIXED_PROFILE
@given(
    st.builds(Envelope, st.text(min_size=1, max_size=256), REFS, MOMENTS, st.text(min_size=1)),
)
def test_an_envelope_comes_back_from_its_attributes(envelope: Envelope) -> None:
    assert Envelope.from_attributes(envelope.to_attributes()) == envelope


@FIXED_PROFILE
@given(st.dictionaries(st.sampled_from([*an_envelope().to_attributes(), "Content-Type"]), st.text(max_size=40)))
def test_arbitrary_attributes_raise_nothing_but_malformed(changes: dict[str, str]) -> None:
    attributes = an_envelope().to_attributes() | changes
    try:
        envelope = Envelope.from_attributes(attributes)
    except MalformedEnvelopeError:
        return
    assert envelope.event_time.tzinfo is UTC


def test_the_attributes_are_cloudevents() -> None:
    moment = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)

    assert an_envelope(event_time=moment).to_attributes() == {
        "ce-specversion": "1.0",
        "ce-id": "e1",
        "ce-type": "flight_departed",
        "ce-time": "2026-03-14T15:09:26Z",
        "ce-source": "test",
        "ce-dataschema": "headrace:flight_departed:1",
        "content-type": "application/avro",
    }


@pytest.mark.parametrize("name", ["ce-id", "ce-time", "ce-source", "ce-dataschema"])
def test_a_missing_or_empty_attribute_is_named(name: str) -> None:
    attributes = an_envelope().to_attributes()

    with pytest.raises(MalformedEnvelopeError, match=f"^{name} is empty$"):
        Envelope.from_attributes(attributes | {name: ""})
    del attributes[name]
    with pytest.raises(MalformedEnvelopeError, match=f"^{name} is missing$"):
        Envelope.from_attributes(attributes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("ce-id", "é" * 513, id="an id of more bytes than an attribute holds"),
        pytest.param("ce-type", "secret_marker", id="another subject"),
        pytest.param("ce-type", "a_secret_marker", id="another subject that sorts first"),
        pytest.param("ce-dataschema", "headrace:flight_departed", id="no version"),
        pytest.param("ce-dataschema", "headrace:flight_departed:0", id="version 0"),
        pytest.param("ce-dataschema", "headrace:flight_departed:01", id="a version with a leading zero"),
        pytest.param("ce-dataschema", "headrace:flight_departed:1000000", id="a version too large"),
        pytest.param("ce-dataschema", "headrace:flight_departed:\u0661", id="a version in Arabic digits"),
        pytest.param("ce-dataschema", "headrace:Secret_marker:1", id="a subject in upper case"),
        pytest.param("ce-dataschema", "headrace:../secret_marker:1", id="a path"),
        pytest.param("ce-dataschema", "headrace:flight_departed:1\n", id="a line break"),
        pytest.param("ce-dataschema", "https://secret_marker/1", id="a URL"),
        pytest.param("ce-specversion", "secret_marker", id="another version of CloudEvents"),
        pytest.param("ce-specversion", "0.3", id="an earlier version of CloudEvents"),
        pytest.param("content-type", "application/secret_marker", id="another content type"),
        pytest.param("content-type", "application/a_secret_marker", id="a content type that sorts first"),
    ],
)
def test_a_malformed_attribute_is_named_and_its_value_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(MalformedEnvelopeError, match=f"^{name} ") as raised:
        Envelope.from_attributes(an_envelope().to_attributes() | {name: value})
    assert "secret_marker" not in str(raised.value).lower()


def test_an_id_of_as_many_bytes_as_an_attribute_holds_is_read() -> None:
    envelope = an_envelope(event_id="é" * 512)

    assert Envelope.from_attributes(envelope.to_attributes()) == envelope


def test_what_an_event_says_besides_is_let_through() -> None:
    attributes = an_envelope().to_attributes() | {"ce-partitionkey": "EWR", "googclient_schemaencoding": "BINARY"}
    assert Envelope.from_attributes(attributes) == an_envelope()

    for name in ("ce-type", "ce-specversion", "content-type"):
        del attributes[name]
    assert Envelope.from_attributes(attributes) == an_envelope(), "what may be absent"


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "ce-datacontenttype", "CE-DataContentType"])
@pytest.mark.parametrize("value", ["application/avro", "Application/AVRO", "application/avro; charset=binary"])
def test_the_content_type_is_read_under_each_name_in_any_case(name: str, value: str) -> None:
    attributes = an_envelope().to_attributes()
    del attributes["content-type"]

    assert Envelope.from_attributes(attributes) == an_envelope(), "it may be absent"
    assert Envelope.from_attributes(attributes | {name: value}) == an_envelope()
    with pytest.raises(MalformedEnvelopeError, match=f"^{name} is not application/avro$"):
        Envelope.from_attributes(attributes | {name: "application/json"})


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        pytest.param("1970-01-01T00:00:01Z", 1_000_000, id="whole seconds"),
        pytest.param("1970-01-01T00:00:00.5Z", 500_000, id="one digit"),
        pytest.param("1970-01-01T00:00:00.123Z", 123_000, id="milliseconds"),
        pytest.param("1970-01-01T00:00:00.000001Z", 1, id="microseconds"),
        pytest.param("1970-01-01T00:00:00.0000010Z", 1, id="zeros beyond microseconds"),
        pytest.param("1970-01-01T00:00:01+00:00", 1_000_000, id="an offset of nothing"),
        pytest.param("1970-01-01T05:30:01+05:30", 1_000_000, id="an offset"),
        pytest.param("1969-12-31T16:00:01-08:00", 1_000_000, id="an offset the other way"),
        pytest.param("1970-01-01t00:00:01z", 1_000_000, id="small letters"),
        pytest.param("1970-01-01T00:00:01-00:00", 1_000_000, id="an unknown offset"),
        pytest.param("0001-01-01T00:00:00Z", -62_135_596_800_000_000, id="the first moment"),
        pytest.param("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999, id="the last moment"),
    ],
)
def test_the_event_time_is_read_to_the_microsecond(text: str, micros: int) -> None:
    envelope = Envelope.from_attributes(an_envelope().to_attributes() | {"ce-time": text})

    assert to_micros(envelope.event_time) == micros
    assert from_micros(micros) == envelope.event_time


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-03-14T15:09:26", id="no zone"),
        pytest.param("2026-03-14T15:09:26+24:00", id="an offset of a day"),
        pytest.param("2026-03-14T15:09:26+0530", id="an offset without its colon"),
        pytest.param("0001-01-01T00:00:00+00:01", id="a moment before the year 1 in UTC"),
        pytest.param("2026-W11-6T15:09:26Z", id="a day of a week"),
        pytest.param("2026-03-14 15:09:26Z", id="a blank"),
        pytest.param("2026-03-14", id="a date"),
        pytest.param("20260314T150926Z", id="the basic form"),
        pytest.param("2026-03-14T15:09:26.1234567Z", id="finer than microseconds"),
        pytest.param("2026-03-14T15:09:26.Z", id="a point without digits"),
        pytest.param("2026-02-30T15:09:26Z", id="February 30"),
        pytest.param("2026-03-14T25:09:26Z", id="hour 25"),
        pytest.param("2026-03-14T15:09:60Z", id="a leap second"),
        pytest.param("0000-01-01T00:00:00Z", id="year 0"),
        pytest.param("\u0662\u0660\u0662\u0666-03-14T15:09:26Z", id="Arabic digits"),
        pytest.param("2026-03-14T15:09:26Z\n", id="a line break"),
    ],
)
def test_an_event_time_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedEnvelopeError, match=r"^ce-time "):
        Envelope.from_attributes(an_envelope().to_attributes() | {"ce-time": text})


def test_a_time_of_any_zone_is_written_in_utc() -> None:
    there = timezone(timedelta(hours=5, minutes=30))

    assert to_rfc3339(datetime(2026, 1, 1, 2, 0, 0, 10, there)) == "2025-12-31T20:30:00.000010Z"


def test_events_of_one_contract_and_source_have_attributes_of_their_own() -> None:
    one, other = an_envelope(event_id="one"), an_envelope(event_id="other", event_time=MOMENT.replace(year=2027))
    first = one.to_attributes()
    first["ce-source"] = "/changed"
    assert other.to_attributes()["ce-id"] == "other"
    assert Envelope.from_attributes(one.to_attributes()) == one
    assert Envelope.from_attributes(other.to_attributes()) == other


def test_two_equal_times_of_the_hour_that_clocks_show_twice_are_two_moments() -> None:
    early = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert early == early.replace(fold=1)
    assert (to_rfc3339(early), to_rfc3339(early.replace(fold=1))) == ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z")
