"""The strict decoder against fastavro, on random contracts, events and damage."""

from __future__ import annotations

import io
from typing import Any

import fastavro
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import to_micros
from headrace.schemas.errors import UndecodableError
from headrace.schemas.model import Array, Map, Optional, Record, Type, Union
from headrace.schemas.registry import Contract
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT, a_contract, a_record, encode
from tests.support.readers import arrow_ready
from tests.support.strategies import FIXED_PROFILE, contracts, events
from tests.support.writing import write_again


def read_by_fastavro(contract: Contract, data: bytes) -> list[Any]:
    fields = fastavro.schemaless_reader(io.BytesIO(data), contract.avro)
    return list(arrow_ready(contract.record, fields).values())


@FIXED_PROFILE
@given(st.data())
def test_a_valid_event_is_accepted_encoded_and_read_as_fastavro_reads_it(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    decode = compile_decoder(contract.record, contract.record)
    for _ in range(3):
        event = data.draw(events(contract.record))
        validate(contract.record, event)
        payload = encode(contract, event)
        # repr distinguishes NaN from a number, -0.0 from 0.0, True from 1 and 1.0 from 1.00
        assert repr(decode(payload)) == repr(read_by_fastavro(contract, payload))


@FIXED_PROFILE
@given(st.data())
def test_a_cut_or_lengthened_payload_is_refused(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    decode = compile_decoder(contract.record, contract.record)
    payload = encode(contract, data.draw(events(contract.record)))
    damaged = [payload[:length] for length in range(len(payload))]
    damaged += [payload + bytes([byte]) for byte in range(256)]
    for bytes_ in damaged:
        assert_refused(decode, bytes_)


@FIXED_PROFILE
@given(st.data())
def test_a_flipped_byte_is_refused_or_is_exactly_another_value(data: st.DataObject) -> None:
    contract = data.draw(contracts(exact=True))
    decode = compile_decoder(contract.record, contract.record)
    payload = encode(contract, data.draw(events(contract.record)))
    for damaged in flips(data, payload):
        try:
            values = decode(damaged)
        except UndecodableError:
            continue
        again = write_again(contract, values)
        # Only blocks may be written in several ways; then both ways must read the same.
        assert again == damaged or (has_blocks(contract.record) and decode(again) == values)


@FIXED_PROFILE
@given(st.data())
def test_a_flipped_byte_never_reads_otherwise_than_fastavro_reads_it(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    decode = compile_decoder(contract.record, contract.record)
    payload = encode(contract, data.draw(events(contract.record)))
    for damaged in flips(data, payload):
        try:
            values = decode(damaged)
        except UndecodableError:
            continue
        lowered = read_by_fastavro(contract, damaged)
        assert repr(values).lower() == repr(lowered).lower()  # a UUID in upper case is read in lower case


def flips(data: st.DataObject, payload: bytes) -> list[bytes]:
    """*payload* with every byte changed, one at a time."""
    masks = data.draw(st.binary(min_size=len(payload), max_size=len(payload)))
    return [
        payload[:index] + bytes([byte ^ (mask or 1)]) + payload[index + 1 :]
        for index, (byte, mask) in enumerate(zip(payload, masks, strict=True))
    ]


def has_blocks(type_: Type) -> bool:
    match type_:
        case Array() | Map():
            return True
        case Optional():
            return has_blocks(type_.item)
        case Union():
            return any(has_blocks(branch.type) for branch in type_.branches)
        case Record():
            return any(has_blocks(field.type) for field in type_.fields)
        case _:
            return False


@settings(FIXED_PROFILE, max_examples=150)
@given(st.data())
def test_arbitrary_bytes_raise_nothing_but_undecodable(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    decode = compile_decoder(contract.record, contract.record)
    for _ in range(10):
        payload = data.draw(st.binary(max_size=64))
        try:
            values = decode(payload)
        except UndecodableError:
            continue
        assert len(values) == len(contract.record.fields)


LISTS = a_contract(
    ("longs", {"type": "array", "items": "long"}),
    ("named", {"type": "map", "values": "string"}),
    ("rows", {"type": "array", "items": a_record("Row", ("tags", {"type": "array", "items": "int"}))}),
)


@FIXED_PROFILE
@given(st.data())
def test_blocks_of_any_length_with_and_without_sizes_read_as_one_list(data: st.DataObject) -> None:
    longs = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=12))
    named = data.draw(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=6))
    rows = data.draw(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4), max_size=4))
    payload = blocks(data, [varint(number) for number in longs])
    payload += blocks(data, [text(key) + text(value) for key, value in named.items()])
    payload += blocks(data, [blocks(data, [varint(number) for number in row]) for row in rows])
    payload += varint(to_micros(MOMENT))

    assert compile_decoder(LISTS.record, LISTS.record)(payload) == [
        longs,
        [{"key": key, "value": value} for key, value in named.items()],
        [{"tags": row} for row in rows],
        to_micros(MOMENT),
    ]


def blocks(data: st.DataObject, items: list[bytes]) -> bytes:
    written = b""
    while items:
        length = data.draw(st.integers(1, len(items)))
        block = b"".join(items[:length])
        sized = data.draw(st.booleans())
        written += (varint(-length) + varint(len(block)) if sized else varint(length)) + block
        items = items[length:]
    return written + b"\x00"


def varint(number: int) -> bytes:
    zigzag = (number << 1) ^ (number >> 63)
    written = bytearray()
    while zigzag > 0x7F:
        written.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    written.append(zigzag)
    return bytes(written)


def text(value: str) -> bytes:
    return varint(len(value.encode())) + value.encode()


def assert_refused(decode: Any, payload: bytes) -> None:
    try:
        decode(payload)
    except UndecodableError:
        return
    raise AssertionError(f"{payload.hex()} was accepted")
