"""Two hundred random contracts: ours, fastavro's and Apache Avro's decoder read the same values."""

from __future__ import annotations

import decimal
import io
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from headrace.schemas.model import Kind, Scalar, Type
from headrace.schemas.registry import Contract
from tests.support.builders import encode
from tests.support.readers import arrow_leaf, arrow_ready, compile_reader
from tests.support.strategies import FIXED_PROFILE, contracts, events

CONTRACTS = 200
EVENTS = 3
_MILLIS = {Kind.TIME_MILLIS, Kind.TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MILLIS}


def leaf(type_: Type, value: Any) -> Any:
    """One value of another decoder, as ours gives it."""
    match type_, value:
        case Scalar(kind), int() if kind in _MILLIS:  # a logical type that it does not know
            return value * 1000
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
