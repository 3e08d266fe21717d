"""Reading past values that are wrong but end where they should."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.model import Decimal, Enumeration, Kind, Optional, Scalar, Type
from headrace.schemas.registry import Contract
from headrace.schemas.salvage import salvage
from headrace.schemas.trace import Leaf, trace
from tests.support.builders import BOOKING, BOOKING_V1, a_booking, a_booking_v1, encode
from tests.support.strategies import FIXED_PROFILE, contracts, events

TOO_LONG = b"\x4e" + b"7" * 39
NOT_UTF_8 = b"\x04\xff\xfe"
FAR_AWAY = b"\xfe\xff\xff\xff\x0f"  # the largest int: no date, no enum's symbol, no time of a day


def leaves(contract: Contract, data: bytes) -> list[Leaf]:
    return list(trace(contract.record, data).leaves)


def wrong_bytes(type_: Type) -> bytes | None:
    """A value of *type_* that is wrong and ends where it should; None for types that have none."""
    match type_:
        case Optional(null_first=first):
            inner = wrong_bytes(type_.item)
            return None if inner is None else (b"\x02" if first else b"\0") + inner
        case Decimal(size=None):
            return TOO_LONG
        case Decimal(size=int(size)):
            return b"\x7f" + b"\xff" * (size - 1) if 2 ** (8 * size - 1) - 1 >= 10**type_.precision else None
        case Scalar(Kind.STRING | Kind.UUID):
            return NOT_UTF_8
        case Scalar(Kind.BOOLEAN):
            return b"\x07"
        case Scalar(Kind.DATE | Kind.TIME_MILLIS) | Enumeration():
            return FAR_AWAY
        case _:
            return None


def spoilt(data: bytes, leaf: Leaf) -> bytes | None:
    wrong = wrong_bytes(leaf.type)
    return None if wrong is None else data[: leaf.start] + wrong + data[leaf.end :]


def test_a_decimal_of_too_many_digits_is_put_aside_and_the_rest_is_read() -> None:
    fields = a_booking_v1()
    data = encode(BOOKING_V1, fields)
    total = next(leaf for leaf in leaves(BOOKING_V1, data) if leaf.path == "total")
    found = salvage(BOOKING_V1.record, spoilt(data, total) or b"")
    assert found.wrong == ("total",)
    names = [field.name for field in BOOKING_V1.record.fields]
    right = dict(zip(names, compile_decoder(BOOKING_V1.record, BOOKING_V1.record)(data), strict=True))
    there = dict(zip(names, found.values, strict=True))
    assert {**there, "total": None} == {**right, "total": None}


def test_several_values_in_nested_places() -> None:
    data = encode(BOOKING, a_booking())
    for path in ("total", "segments[0].departs_on", "channel", "email", "labels[0].value"):
        leaf = next(each for each in leaves(BOOKING, data) if each.path == path)
        assert salvage(BOOKING.record, spoilt(data, leaf) or b"").wrong == (path,)
        assert not isinstance(leaf.type, Optional)
    for path in ("segments[0].departs_on", "total"):  # the later one first: places stay where they are
        leaf = next(each for each in leaves(BOOKING, encode(BOOKING, a_booking())) if each.path == path)
        data = spoilt(data, leaf) or b""
    assert salvage(BOOKING.record, data).wrong == ("total", "segments[0].departs_on")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-3],
        lambda data: data + b"\0",
        lambda data: b"\x01" + data[1:],
        lambda data: b"",
    ],
    ids=["cut short", "bytes left over", "a negative length at the beginning", "nothing at all"],
)
def test_what_shifts_all_that_follows_is_refused_where_the_datum_stops(spoil: Any) -> None:
    data = spoil(encode(BOOKING_V1, a_booking_v1()))
    with pytest.raises(UndecodableError) as strict:
        compile_decoder(BOOKING_V1.record, BOOKING_V1.record)(data)
    with pytest.raises(UndecodableError) as salvaged:
        salvage(BOOKING_V1.record, data)
    assert str(salvaged.value) == str(strict.value)


@given(st.data())
@settings(FIXED_PROFILE)
def test_any_one_wrong_value_is_named_and_the_others_are_what_they_were(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    datum = encode(contract, data.draw(events(contract.record)))
    candidates = [leaf for leaf in leaves(contract, datum) if spoilt(datum, leaf) and not leaf.path.endswith("].key")]
    if not candidates:
        return
    leaf = data.draw(st.sampled_from(candidates))
    wrong = spoilt(datum, leaf) or b""
    found = salvage(contract.record, wrong)
    assert found.wrong == (leaf.path,)
    right = compile_decoder(contract.record, contract.record)(datum)
    outermost = leaf.path.partition(".")[0].partition("[")[0]
    for field, was, value in zip(contract.record.fields, right, found.values, strict=True):
        assert field.name == outermost or repr(was) == repr(value)


@given(st.data())
@settings(FIXED_PROFILE)
def test_any_bytes_are_read_or_refused(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    datum = bytearray(encode(contract, data.draw(events(contract.record))))
    for place in data.draw(st.lists(st.integers(0, max(0, len(datum) - 1)), max_size=5)):
        datum[place : place + 1] = data.draw(st.binary(max_size=3))
    try:
        found = salvage(contract.record, bytes(datum))
    except UndecodableError:
        return
    assert len(found.values) == len(contract.record.fields)
