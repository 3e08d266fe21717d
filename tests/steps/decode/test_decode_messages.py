"""Decode: a round of messages into one micro-batch, envelopes looked at no further than they must be."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema
from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.core.micro_batch import NOTES, rule_of_notes
from headrace.schemas.content_rule import rule_of
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import Envelope, from_micros, to_micros, to_rfc3339
from headrace.schemas.errors import MalformedEnvelopeError, UndecodableError, UnknownSchemaError
from headrace.steps.decode.decode_messages import Decoder, decode, event_keys
from tests.support.builders import (
    BOOKING,
    BOOKING_V1,
    FLIGHT,
    MOMENT,
    PACKAGE,
    a_booking,
    a_booking_v1,
    an_envelope,
    encode,
)
from tests.support.readers import KINDS, columns_of
from tests.support.strategies import FIXED_PROFILE

NOW = to_micros(MOMENT) + 5


@pytest.fixture(params=KINDS)
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Decoder:
    monkeypatch.setattr("headrace.steps.decode.decode_messages.columns_for", partial(columns_of, request.param))
    return Decoder(PACKAGE, BOOKING.subject)


def a_message(number: int = 1, old: bool = False, data: bytes | None = None, **attributes: str | None) -> Message:
    """A booking as published; an attribute of None is left out, and ``_`` in a name is ``-``."""
    contract, event = (BOOKING_V1, a_booking_v1()) if old else (BOOKING, a_booking())
    envelope = an_envelope(event_id=f"event-{number}", schema=contract.ref, source="/test").to_attributes()
    changed = envelope | {name.replace("_", "-"): value for name, value in attributes.items()}
    kept = {name: value for name, value in changed.items() if value is not None}
    return Message(BOOKING.subject, encode(contract, event) if data is None else data, kept, f"m{number}", NOW - number)


def refusal(message: Message) -> tuple[Reason, str] | None:
    """What one message on its own is refused for, step by step as the words of the contract say."""
    try:
        envelope = Envelope.from_attributes(message.attributes)
        if envelope.schema.subject != BOOKING.subject:
            raise UnknownSchemaError(
                f"subject {envelope.schema.subject} does not belong on the topic of booking_created"
            )
        writer = PACKAGE[envelope.schema]
        values = compile_decoder(writer.record, BOOKING.record)(message.data)
    except MalformedEnvelopeError as error:
        return Reason.MALFORMED_ENVELOPE, str(error)
    except UnknownSchemaError as error:
        return Reason.UNKNOWN_SCHEMA, str(error)
    except UndecodableError as error:
        return Reason.UNDECODABLE_PAYLOAD, str(error)
    names = [field.name for field in BOOKING.record.fields]
    if values[names.index("created_at")] != to_micros(envelope.event_time):
        return Reason.MALFORMED_ENVELOPE, "ce-time is not the event's created_at"
    return None


def test_a_batch_holds_payload_meta_and_notes_of_every_message(decoder: Decoder) -> None:
    messages = [a_message(1), a_message(2, old=True), a_message(3)]
    decoded = decode(messages, decoder, NOW)

    assert decoded.refusals == []
    batch = decoded.batch
    assert batch is not None
    assert [*batch.rows.schema] == [*arrow_schema(BOOKING.record), *META_SCHEMA]
    assert batch.notes.schema == NOTES
    batch.rows.validate(full=True)
    batch.notes.validate(full=True)
    last = {name: batch.rows.column(name).to_pylist() for name in META_SCHEMA.names}
    assert last == {
        "_event_id": ["event-1", "event-2", "event-3"],
        "_event_time": [MOMENT] * 3,
        "_ingested_at": [from_micros(NOW)] * 3,
        "_schema_version": [2, 1, 2],
        "_source": ["/test"] * 3,
    }
    contents = batch.notes.column("content_hash").to_pylist()
    assert (contents[0] == contents[2], contents[0] == contents[1]) == (True, False), "of the values, not of the ids"
    assert rule_of_notes(batch.notes) == rule_of(BOOKING.record)
    assert batch.notes.to_pydict() == {
        "event_key": event_keys(f"event-{number}" for number in (1, 2, 3)),
        "content_hash": contents,
        "event_time": [to_micros(MOMENT)] * 3,
        "published_at": [NOW - 1, NOW - 2, NOW - 3],
        "first_published_at": [NOW - 1, NOW - 2, NOW - 3],
        "window_start": [0] * 3,
        "message": [0, 1, 2],
    }


def test_nothing_but_refusals_is_no_batch(decoder: Decoder) -> None:
    decoded = decode([a_message(1, data=b""), a_message(2, ce_id="")], decoder, NOW)

    assert decoded.batch is None
    assert [(each.index, each.reason) for each in decoded.refusals] == [
        (0, Reason.UNDECODABLE_PAYLOAD),
        (1, Reason.MALFORMED_ENVELOPE),
    ]


def test_an_error_that_is_ours_leaves_nothing_behind(decoder: Decoder) -> None:
    broken = Message(BOOKING.subject, "text", a_message().attributes, "m", NOW)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        decode([a_message(1), broken], decoder, NOW)

    decoded = decode([a_message(2)], decoder, NOW)
    assert decoded.batch is not None
    assert decoded.batch.rows.column("_event_id").to_pylist() == ["event-2"]


TIMES = [
    to_rfc3339(MOMENT),
    "2026-03-14T15:09:26.535000Z",
    "2026-03-14T15:09:26.53500Z",
    "2026-03-14T15:09:26.535001Z",
    "2026-03-14T15:09:26.5350000Z",
    "2026-03-14 15:09:26.535Z",
    "2026-03-14T15:09:26.535",
    "2026-03-14T15:09:26.535+00:00",
    "2026-03-14T15:09:26.535Z\n",
    "2026-03-14T15:09:60Z",
    "2026-02-30T15:09:26.535Z",
    "0000-03-14T15:09:26.535Z",
    "٢026-03-14T15:09:26.535Z",
    "\ud800",
    "",
]
UNCHANGED: dict[str, Any] = {}
CHANGES: list[dict[str, Any]] = [
    *({"ce_time": time} for time in TIMES),
    *({"ce_id": id_} for id_ in ("", "é" * 512, "é" * 513, "x" * 1024, "x" * 1025, "\ud800", None)),
    *({"ce_dataschema": ref} for ref in (None, "", "headrace:booking_created:9", str(FLIGHT.ref), "booking:1")),
    *({"ce_type": type_} for type_ in (None, "flight_departed", "")),
    *({"ce_specversion": version} for version in (None, "0.3")),
    *({"content_type": type_} for type_ in (None, "application/json", "Application/Avro; v=1")),
    {"content_type": None, "Content-Type": "text/plain"},
    {"ce_source": ""},
    {"ce_source": None},
    {"old": True},
    {"data": b""},
    {"data": b"\x00" * 40},
]


@pytest.mark.parametrize("kind", KINDS)
@settings(FIXED_PROFILE, max_examples=80)
@given(data=st.data())
def test_a_round_is_judged_as_each_of_its_messages_alone(kind: str, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headrace.steps.decode.decode_messages.columns_for", partial(columns_of, kind))
        decoder = Decoder(PACKAGE, BOOKING.subject)
    for _ in range(2):  # the second time, heads are known
        changes = data.draw(st.lists(st.lists(st.just(UNCHANGED) | st.sampled_from(CHANGES), max_size=2), max_size=8))
        messages = [
            a_message(number, **{name: value for change in each for name, value in change.items()})
            for number, each in enumerate(changes)
        ]
        wanted = [(index, why) for index, message in enumerate(messages) if (why := refusal(message))]

        decoded = decode(messages, decoder, NOW)
        assert [(each.index, (each.reason, each.detail)) for each in decoded.refusals] == wanted
        good = sorted({*range(len(messages))} - {index for index, _ in wanted})
        noted = [] if decoded.batch is None else decoded.batch.notes.column("message").to_pylist()
        assert noted == good
        if decoded.batch is not None:
            ids = decoded.batch.rows.column("_event_id").to_pylist()
            assert ids == [messages[index].attributes["ce-id"] for index in good]
