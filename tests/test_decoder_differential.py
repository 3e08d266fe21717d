"""Two hundred random contracts: ours, fastavro's and Apache Avro's decoder read the same values."""

from __future__ import annotations

import decimal
import io
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import avro.io
import avro.schema
import fastavro
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas.envelope import to_micros
from schemas.model import Array, Kind, Map, Optional, Record, Scalar, Type
from schemas.registry import Contract
from tests.builders import encode
from tests.readers import compile_reader
from tests.strategies import FIXED_PROFILE, contracts, events

CONTRACTS = 200
EVENTS = 3
_MILLIS = {Kind.TIME_MILLIS, Kind.TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MILLIS}


def plain(type_: Type, value: Any) -> Any:
    """What another decoder reads, as ours gives it."""
    match type_, value:
        case Optional(), _:
            return None if value is None else plain(type_.item, value)
        case Record(), _:
            return {field.name: plain(field.type, value[field.name]) for field in type_.fields}
        case Array(), _:
            return [plain(type_.items, item) for item in value]
        case Map(), _:
            return [{"key": key, "value": plain(type_.values, item)} for key, item in value.items()]
        case _, datetime():
            return to_micros(value if value.tzinfo else value.replace(tzinfo=UTC))
        case _, date():
            return value.toordinal() - date(1970, 1, 1).toordinal()
        case _, time():
            return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
        case _, UUID():
            return str(value)
        case Scalar(kind), int() if kind in _MILLIS:  # a logical type that it does not know
            return value * 1000
        case _:
            return value


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
    ours = [compile_reader(kind, contract.record, contract.record) for kind in ("values", "compiled", "pure")]
    for _ in range(EVENTS):
        payload = encode(contract, data.draw(events(contract.record)))
        # repr tells NaN from a number, -0.0 from 0.0, True from 1 and 1.0 from 1.00
        theirs = repr(by_fastavro(contract, payload))
        assert repr(by_apache(contract, payload)) == theirs
        assert [repr(decode(payload)) for decode in ours] == [theirs] * len(ours)
