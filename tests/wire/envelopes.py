"""Test vectors of attributes: accepted and refused forms."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from tests.wire.messages import Vector, a_refusal, a_row

SUBJECT: Final = "parcel_moved"
PARCEL: Final[dict[str, Any]] = {
    "parcel": "p-1",
    "courier": "0b7f5a3e-9c1d-4e2f-8a6b-112233445566",
    "labels": [{"key": "fragile", "value": "yes"}, {"key": "from", "value": "Zürich"}],
    "stops": ["1", "2", "3"],
}
DEFAULTS: Final[dict[str, Any]] = {"gate": None, "priority": "5"}  # of the columns that version 2 adds
HALF: Final = "2026-03-14T15:09:26.500000Z"
WHOLE: Final = "2026-03-14T15:09:26Z"
_accepted = partial(a_row, subject=SUBJECT, values=PARCEL | DEFAULTS)
_refused = partial(a_refusal, reason="malformed_envelope", subject=SUBJECT, values=PARCEL)


def _accepted_attributes() -> Iterator[Vector]:
    yield _accepted("attributes-usual", "All seven attributes; the row has the defaults of the newest version.")
    yield _accepted(
        "attributes-absent",
        "ce-specversion, ce-type and content-type may be absent.",
        ce_specversion=None,
        ce_type=None,
        content_type=None,
    )
    yield _accepted(
        "attributes-content-type",
        "The content type may be in any case and have parameters.",
        content_type="Application/AVRO; charset=binary",
    )
    yield _accepted(
        "attributes-datacontenttype",
        "ce-datacontenttype is read as content-type.",
        content_type=None,
        ce_datacontenttype="application/avro",
    )
    yield _accepted(
        "attributes-others",
        "Other attributes do not change the row.",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ce_partitionkey="p-1",
        tenant="acme",
    )
    yield _accepted(
        "attributes-any-text",
        "An id and a source are any text of 1 to 1,024 bytes in UTF-8.",
        ce_id="Zoë & 漢字/1",
        ce_source="urn:shop:Zürich",
    )
    yield _accepted(
        "attributes-sequence",
        "ce-sequence numbers the events of one publisher.",
        ce_sequence="019ad735840012ab34cd-0000000000004711",
    )
    yield _accepted(
        "attributes-sequence-of-another-form",
        "A ce-sequence of another form refuses nothing.",
        ce_sequence="4711",
    )
    yield _accepted("attributes-long-id", "An id of 1,024 bytes.", ce_id="é" * 512)


def _refused_attributes() -> Iterator[Vector]:
    for name in ("ce-id", "ce-time", "ce-source", "ce-dataschema"):
        absent: dict[str, Any] = {name.replace("-", "_"): None}
        yield _refused(f"{name}-absent", f"{name} is required.", detail=f"{name} is missing", **absent)
        empty: dict[str, Any] = {name.replace("-", "_"): ""}
        yield _refused(f"{name}-empty", f"{name} is not empty.", detail=f"{name} is empty", **empty)
    form = "ce-dataschema is not of the form headrace:<subject>:<version>"
    for name, value, shows in (
        ("leading-zero", "headrace:parcel_moved:01", "A version has no leading zeros."),
        ("without-version", "headrace:parcel_moved", "ce-dataschema has a version."),
        ("of-another-kind", "https://example.org/parcel_moved/1", "ce-dataschema begins with headrace:."),
    ):
        yield _refused(f"ce-dataschema-{name}", shows, detail=form, ce_dataschema=value)
    yield _refused(
        "ce-type-of-another-subject",
        "ce-type is the subject.",
        detail="ce-type names another subject than ce-dataschema",
        ce_type="com.example.parcel.moved",
    )
    yield _refused(
        "ce-specversion-of-another-version",
        "ce-specversion is 1.0.",
        detail="ce-specversion is not 1.0",
        ce_specversion="0.3",
    )
    yield _refused(
        "content-type-json",
        "The content type is application/avro.",
        detail="content-type is not application/avro",
        content_type="application/json",
    )
    yield _refused(
        "content-type-empty",
        "An attribute that may be absent is not empty.",
        detail="content-type is not application/avro",
        content_type="",
    )
    yield a_refusal(
        "version-that-is-not-there",
        "The job has no such version of the contract.",
        "unknown_schema",
        "no contract parcel_moved.v3 here",
        SUBJECT,
        PARCEL,
        ce_dataschema="headrace:parcel_moved:3",
    )
    yield a_refusal(
        "subject-of-another-topic",
        "An event belongs on the topic of its subject.",
        "unknown_schema",
        "subject note_taken does not belong on the topic of parcel_moved",
        SUBJECT,
        PARCEL,
        ce_dataschema="headrace:note_taken:1",
        ce_type="note_taken",
    )


_TIMES: Final = (
    ("without-fraction", WHOLE, "2026-03-14T15:09:26Z", "The usual form, without a fraction."),
    ("one-digit", HALF, "2026-03-14T15:09:26.5Z", "As many digits as there are, up to six."),
    ("six-digits", HALF, "2026-03-14T15:09:26.500000Z", "Six digits, with zeros at the end."),
    ("nine-digits-with-zeros", HALF, "2026-03-14T15:09:26.500000000Z", "More than six digits if the others are zeros."),
    ("zero-fraction", WHOLE, "2026-03-14T15:09:26.0Z", "A fraction of zero."),
    ("offset", HALF, "2026-03-14T20:39:26.5+05:30", "An offset: the same moment."),
    ("negative-offset", WHOLE, "2026-03-14T07:09:26-08:00", "A negative offset."),
    ("zero-offset", WHOLE, "2026-03-14T15:09:26+00:00", "The offset of UTC."),
    ("unknown-offset", WHOLE, "2026-03-14T15:09:26-00:00", "The offset that RFC 3339 gives to an unknown zone."),
    ("lower-case", HALF, "2026-03-14t15:09:26.5z", "Lower case."),
)
_MOMENT: Final = "ce-time is not RFC 3339"
_WRONG_TIMES: Final = (
    (
        "nanoseconds",
        "2026-03-14T15:09:26.123456789Z",
        "ce-time is finer than a microsecond",
        "Nanoseconds, as clocks of Go and Java have them.",
    ),
    ("blank", "2026-03-14 15:09:26Z", _MOMENT, "A blank in place of the T."),
    ("without-offset", "2026-03-14T15:09:26", _MOMENT, "A time without an offset is no moment."),
    ("without-seconds", "2026-03-14T15:09Z", _MOMENT, "Seconds are required."),
    ("short-offset", "2026-03-14T16:09:26+01", _MOMENT, "An offset has hours and minutes."),
    ("basic-form", "20260314T150926Z", _MOMENT, "The form without hyphens and colons is not RFC 3339."),
    ("date", "2026-03-14", _MOMENT, "A date is no moment."),
    ("number", "1773500966535", _MOMENT, "A number is no time."),
    ("http-date", "Sat, 14 Mar 2026 15:09:26 GMT", _MOMENT, "The form of HTTP is not RFC 3339."),
    ("white-space", " 2026-03-14T15:09:26Z", _MOMENT, "White space around the time."),
    ("leap-second", "2016-12-31T23:59:60Z", "ce-time is a leap second, which no column holds", "A leap second."),
    ("no-day", "2026-02-30T15:09:26Z", "ce-time is no time of any day", "A day that is in no calendar."),
    ("no-offset-of-a-zone", "2026-03-14T15:09:26+24:00", "ce-time is no time of any day", "An offset of 24 hours."),
)


def _times() -> Iterator[Vector]:
    for name, at, text, shows in _TIMES:
        yield _accepted(f"ce-time-{name}", shows, values=PARCEL | DEFAULTS | {"at": at}, ce_time=text)
    for name, text, detail, shows in _WRONG_TIMES:
        yield _refused(f"ce-time-{name}", shows, detail=detail, ce_time=text)
    differs = "ce-time is not the event's at"
    yield _refused(
        "ce-time-a-microsecond-later",
        "ce-time is the moment of the event time field, to the microsecond.",
        detail=differs,
        ce_time="2026-03-14T15:09:26.535001Z",
    )
    yield _refused(
        "ce-time-of-sending", "ce-time is not the time of sending.", detail=differs, ce_time="2026-03-14T15:09:27Z"
    )
    late = "the event is older than late_after allows"
    early = "the event is further ahead than ahead_at_most allows"
    yield a_refusal(
        "event-too-late",
        "An event older than late_after.",
        "too_late",
        late,
        SUBJECT,
        PARCEL | {"at": "1999-12-31T23:59:59Z"},
    )
    yield a_refusal(
        "event-in-the-future",
        "An event further ahead than ahead_at_most.",
        "in_the_future",
        early,
        SUBJECT,
        PARCEL | {"at": "9999-01-01T00:00:00Z"},
    )


def vectors_of_envelopes() -> Iterator[Vector]:
    """Yield the vectors of attributes."""
    yield from _accepted_attributes()
    yield from _refused_attributes()
    yield from _times()
