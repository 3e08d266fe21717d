"""Whatever is cut, flipped or made up: an explanation comes, it is the decoder's, and nothing personal is in it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.dead_letters.explain import explain
from headrace.dead_letters.explanation import Explanation
from headrace.dead_letters.hexdump import hexdump
from headrace.schemas.decoder import compile_decoder, value_reader
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import UndecodableError
from headrace.schemas.model import Array, Kind, Map, Optional, Record, Scalar, Type, Union, inner
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.schemas.stored import is_list
from headrace.schemas.trace import trace
from tests.support.builders import BOOKING, FLIGHT, PACKAGE, a_booking, encode
from tests.support.strategies import FIXED_PROFILE, contracts, events

REDACTED = {"kind": "secret", "mask": "redact"}
MARKER = "QXZJ~{:02}~KQWY~VXQZ"
WINDOW = 4
PIECES = [part.encode() for part in ("QXZJ", "XZJ~", "~KQW", "KQWY", "QWY~", "WY~V", "Y~VX", "~VXQ", "VXQZ")]


@st.composite
def classified(draw: st.DrawFn) -> Contract:
    """Any contract, each field declared as personal or not."""
    avro = json.loads(draw(contracts()).json)
    for field in _avro_fields(avro):
        if field["name"] != "at":
            only_records = all(isinstance(each, dict) and "fields" in each for each in innermost(field["type"]))
            personal = draw(st.booleans())
            if personal or not only_records:
                field["pii"] = REDACTED if personal else "none"
    avro["fields"][-1]["pii"] = "none"
    del avro["headrace"]["pii"]
    return parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))


def innermost(type_: Any) -> Iterator[Any]:
    if isinstance(type_, list):
        for branch in type_:
            yield from innermost(branch) if branch != "null" else ()
    elif isinstance(type_, dict) and type_["type"] in ("array", "map"):
        yield from innermost(type_.get("items") or type_["values"])
    else:
        yield type_


def _avro_fields(record: Any) -> Iterator[Any]:
    for field in record["fields"]:
        yield field
        for nested in innermost(field["type"]):
            if isinstance(nested, dict) and nested.get("type") == "record":
                yield from _avro_fields(nested)


def marked(type_: Type, value: Any, personal: bool, number: Iterator[int]) -> Any:
    """The same value, with a marker for every personal text."""
    match type_:
        case Optional():
            return None if value is None else marked(type_.item, value, personal, number)
        case Record():
            return {f.name: marked(f.type, value[f.name], personal or f.mask is not None, number) for f in type_.fields}
        case Union():
            return value and {
                each.name: marked(each.type, value[each.name], personal or each.field.mask is not None, number)
                for each in type_.branches
                if each.name in value
            }
        case Array():
            return [marked(type_.items, item, personal, number) for item in value]
        case Map():
            return {
                MARKER.format(next(number) % 100) if personal else key: marked(type_.values, item, personal, number)
                for key, item in value.items()
            }
        case Scalar(Kind.STRING) if personal:
            return MARKER.format(next(number) % 100)
        case Scalar(Kind.BYTES) if personal:
            return MARKER.format(next(number) % 100).encode()
        case _:
            return value


def a_marked_payload(data: st.DataObject, contract: Contract) -> bytes:
    event = data.draw(events(contract.record))
    return encode(contract, marked(contract.record, event, False, itertools.count()))


def explained(contract: Contract, payload: bytes) -> Explanation:
    given = {"ce-dataschema": str(contract.ref)}
    return explain(Registry({contract.ref: contract}), contract.subject, given, payload)


def damages(data: st.DataObject, payload: bytes) -> list[bytes]:
    """*payload* cut at every byte, and with every byte changed."""
    masks = data.draw(st.binary(min_size=len(payload), max_size=len(payload)))
    flips = [
        payload[:index] + bytes([byte ^ (mask or 1)]) + payload[index + 1 :]
        for index, (byte, mask) in enumerate(zip(payload, masks, strict=True))
    ]
    step = max(1, len(payload) // 25)  # long payloads are sampled
    return [payload[:length] for length in range(0, len(payload), step)] + flips[::step]


def assert_as_the_decoder_says(contract: Contract, payload: bytes, explanation: Explanation) -> None:
    found = explanation.stop and (explanation.stop.path, explanation.stop.offset, explanation.stop.why)
    assert found == what_the_decoder_says(contract, payload)


def what_the_decoder_says(contract: Contract, payload: bytes) -> tuple[str, int | None, str] | None:
    try:
        compile_decoder(contract.record, contract.record)(payload)
    except UndecodableError as error:
        return error.path, error.offset, error.why
    return None


def assert_keeps_secrets(payload: bytes, explanation: Explanation) -> None:
    text = f"{explanation!r}{json.dumps(explanation.to_json())}{[field.text for field in explanation.fields]}"
    shown = shown_bytes(hexdump(payload, explanation, around=len(payload)))
    for piece in PIECES:
        assert piece.decode() not in text
        assert piece.hex() not in text
        assert piece not in shown


def shown_bytes(dump: str) -> bytes:
    """The bytes that a dump shows; a line feed for each hidden one."""
    rows = [line for line in dump.splitlines() if re.match(r"[0-9a-f]{8}  ", line)]
    return bytes(10 if pair == "··" else int(pair, 16) for row in rows for pair in row[10:58].split())


@settings(FIXED_PROFILE, max_examples=30)
@given(st.data())
def test_damage_is_explained_as_the_decoder_sees_it_and_shows_nothing_personal(data: st.DataObject) -> None:
    contract = data.draw(classified())
    personal = any(f.mask for f in contract.record.fields) or "secret" in contract.json
    payload = a_marked_payload(data, contract)
    for damaged in damages(data, payload):
        explanation = explained(contract, damaged)
        assert_as_the_decoder_says(contract, damaged, explanation)
        assert not [field.path for field in explanation.fields if field.personal and not field.hidden]
        if explanation.stop is not None and personal:
            assert_keeps_secrets(damaged, explanation)


@settings(FIXED_PROFILE, max_examples=30)
@given(st.data())
def test_a_good_payload_is_traced_value_by_value(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    payload = encode(contract, data.draw(events(contract.record)))

    traced = trace(contract.record, payload)

    assert traced.stop is None
    before = 0
    for leaf in traced.leaves:
        assert before <= leaf.start < leaf.end
        before = leaf.end
        if not isinstance(inner(leaf.type), Record) and not is_list(leaf.type):
            assert repr(value_reader(leaf.type)(payload, leaf.start)) == repr((leaf.value, leaf.end))
    assert before <= len(payload)


@settings(FIXED_PROFILE, max_examples=30)
@given(st.data())
def test_a_cut_payload_stops_at_the_value_that_is_cut(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    payload = encode(contract, data.draw(events(contract.record)))
    whole = trace(contract.record, payload)
    for length in range(len(payload)):
        part = trace(contract.record, payload[:length])
        assert part.stop is not None
        assert part.stop.offset is not None
        assert repr(part.leaves) == repr(tuple(leaf for leaf in whole.leaves if leaf.end <= part.stop.offset)) or (
            whole.left_out
        )
        cut = [leaf for leaf in whole.leaves if leaf.start <= length < leaf.end]
        if cut and part.stop.why == "ends in the middle":
            assert part.stop.path == cut[0].path
            assert part.stop.offset - cut[0].start in (0, 1), "the value, or after the branch of its union"


@settings(FIXED_PROFILE, max_examples=100)
@given(st.binary(max_size=80), st.dictionaries(st.sampled_from(["ce-id", "ce-type", "ce-dataschema"]), st.text()))
def test_anything_is_explained(payload: bytes, attributes: dict[str, str]) -> None:
    for ref in (BOOKING.ref, FLIGHT.ref, SchemaRef("booking_created", 9)):
        explanation = explain(PACKAGE, "booking_created", {"ce-dataschema": str(ref)} | attributes, payload)
        assert len(hexdump(payload, explanation).splitlines()) <= 9


def test_a_booking_that_is_cut_flipped_or_labelled_as_a_flight_keeps_its_secrets() -> None:
    payload = encode(BOOKING, marked(BOOKING.record, a_booking(), False, itertools.count()))
    damaged = [payload[:length] for length in range(len(payload))]
    for bit in (0, 3, 6):
        damaged += [payload[:i] + bytes([payload[i] ^ 1 << bit]) + payload[i + 1 :] for i in range(len(payload))]
    for data in [*damaged[::7], payload]:
        for ref in (BOOKING.ref, FLIGHT.ref, SchemaRef("booking_created", 9)):
            explanation = explain(PACKAGE, ref.subject, {"ce-dataschema": str(ref)}, data)
            assert_keeps_secrets(data, explanation)
