"""Four hundred random contracts: ours, fastavro's and Apache Avro's decoder read the same values."""

from __future__ import annotations

import decimal
import io
import json
import struct
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from headrace.schemas.model import Decimal, Fixed, Kind, Scalar, Type
from headrace.schemas.registry import Contract
from tests.support.builders import encode
from tests.support.readers import arrow_leaf, arrow_ready, compile_reader, ordered
from tests.support.strategies import FIXED_PROFILE, contracts, events
from tests.support.versions import versions

CONTRACTS = 400
PAIRS = 100  # of versions
EVENTS = 3
_MILLIS = {Kind.TIME_MILLIS, Kind.TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MILLIS}


def leaf(type_: Type, value: Any) -> Any:
    """One value of another decoder, as ours gives it."""
    match type_, value:
        case Scalar(kind), int() if kind in _MILLIS:  # a logical type that it does not know
            return value * 1000
        case Scalar(Kind.FLOAT), _:  # promoted by Python, which has no float of 32 bits
            return arrow_leaf(type_, struct.unpack("<f", struct.pack("<f", value))[0])
        case Fixed() | Scalar(Kind.BYTES), str():  # a default, which fastavro leaves as its JSON
            return arrow_leaf(type_, value.encode("latin-1"))
        case Decimal(_, scale), str():
            unscaled = int.from_bytes(value.encode("latin-1"), "big", signed=True)
            return arrow_leaf(type_, decimal.Decimal(unscaled).scaleb(-scale))
        case _:
            return arrow_leaf(type_, value)


def plain(type_: Type, value: Any) -> Any:
    """What another decoder reads, as ours gives it."""
    return arrow_ready(type_, value, leaf)


def by_fastavro(contract: Contract, data: bytes) -> list[Any]:
    return [*plain(contract.record, fastavro.schemaless_reader(io.BytesIO(data), contract.avro)).values()]


def by_apache(contract: Contract, data: bytes) -> list[Any]:
    reader = avro.io.DatumReader(avro.schema.parse(contract.json))
    with decimal.localcontext(prec=80):
        return [*plain(contract.record, reader.read(avro.io.BinaryDecoder(io.BytesIO(data)))).values()]


@pytest.mark.filterwarnings("ignore:Unknown local-timestamp")
@settings(FIXED_PROFILE, max_examples=CONTRACTS, phases=[Phase.generate])
@given(data=st.data())
def test_all_decoders_read_the_same_values(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    ours = [compile_reader(kind, contract.record, contract.record) for kind in ("values", "compiled", "fallback")]
    for _ in range(EVENTS):
        payload = encode(contract, data.draw(events(contract.record)))
        # repr distinguishes NaN from a number, -0.0 from 0.0, True from 1 and 1.0 from 1.00
        theirs = repr(by_fastavro(contract, payload))
        assert repr(by_apache(contract, payload)) == theirs
        assert [repr(decode(payload)) for decode in ours] == [theirs] * len(ours)


@settings(FIXED_PROFILE, max_examples=PAIRS, phases=[Phase.generate])
@given(data=st.data())
def test_an_older_version_is_read_as_fastavro_resolves_it(data: st.DataObject) -> None:
    """Without unions of several types: Java and we prefer the same type there, fastavro the first that fits."""
    older, newer = data.draw(versions(unions=False))
    ours = [compile_reader(kind, older.record, newer.record) for kind in ("values", "compiled", "fallback")]
    written, wanted = (fastavro.parse_schema(json.loads(each.json)) for each in (older, newer))
    for _ in range(EVENTS):
        payload = encode(older, data.draw(events(older.record)))
        read = fastavro.schemaless_reader(io.BytesIO(payload), written, wanted)
        theirs = repr(ordered([*plain(newer.record, read).values()]))
        assert [repr(ordered(decode(payload))) for decode in ours] == [theirs] * len(ours)
