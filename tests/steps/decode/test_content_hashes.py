"""Hashes of contents: equal for one event however it is encoded, and for no other; the same in both decoders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas.model import Array, Field, Kind, Optional, Record, Scalar
from headrace.schemas.registry import Contract
from headrace.steps.decode.content_hashes import sip_hashes
from headrace.steps.decode.record_batch import to_batch
from tests.support.builders import BOOKING, BOOKING_V1, MOMENT, a_booking, a_booking_v1, a_contract, encode
from tests.support.encoded_anew import encoded_anew
from tests.support.readers import KINDS, NEEDS_C, columns_of
from tests.support.strategies import FIXED_PROFILE, contracts, events

M64 = 2**64 - 1
KNOWN_BOOKING = 225044986783824722


def decoded(kind: str, reader: Contract, writers: Sequence[Contract], payloads: list[bytes]) -> tuple[list[int], Any]:
    """The hashes of the contents of *payloads*, and their rows."""
    columns = columns_of(kind, reader.record)
    assert columns.read([each.record for each in writers], payloads) == []
    hashes = np.frombuffer(columns.content_hashes(), np.int64).tolist()
    return hashes, to_batch(columns.finish(), arrow_schema(reader.record)).to_pylist()


def hashes(kind: str, contract: Contract, *payloads: bytes) -> list[int]:
    return decoded(kind, contract, [contract] * len(payloads), list(payloads))[0]


def siphash(text: bytes, first: int, second: int) -> int:
    """SipHash-2-4, as its paper has it."""
    v = [
        first ^ 0x736F6D6570736575,
        second ^ 0x646F72616E646F6D,
        first ^ 0x6C7967656E657261,
        second ^ 0x7465646279746573,
    ]

    def rounds(count: int) -> None:
        for _ in range(count):
            for a, b, by, half in ((0, 1, 13, True), (2, 3, 16, False), (0, 3, 21, False), (2, 1, 17, True)):
                v[a] = v[a] + v[b] & M64
                v[b] = (v[b] << by | v[b] >> 64 - by) & M64 ^ v[a]
                if half:
                    v[a] = (v[a] << 32 | v[a] >> 32) & M64

    padded = text + bytes(7 - len(text) % 8) + bytes([len(text) & 0xFF])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_the_hash_of_a_test_is_siphash() -> None:
    key = bytes(range(16))
    of_paper = siphash(bytes(range(15)), int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little"))
    assert of_paper == 0xA129CA6149BE45E5


def test_texts_of_any_length_have_the_hash_of_siphash() -> None:
    texts = [bytes(range(8 * words)) for words in (3, 0, 31, 1, 2, 2, 30)]
    key = int.from_bytes(b"headrace", "little")
    assert sip_hashes(texts).tolist() == [siphash(text, key, 2) for text in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_the_hash_of_a_known_event_never_changes(kind: str) -> None:
    #  journals and the state of running jobs have such hashes: another value needs another rule
    found = hashes(kind, BOOKING, encode(BOOKING, a_booking()))
    assert found == [KNOWN_BOOKING]


@pytest.mark.parametrize("kind", KINDS)
@settings(FIXED_PROFILE, max_examples=60)
@given(data=st.data())
def test_an_event_encoded_anew_has_the_same_hash(kind: str, data: st.DataObject) -> None:
    contract = data.draw(contracts())
    event = data.draw(events(contract.record))
    again = encoded_anew(data.draw, contract.record, event)
    one, other = hashes(kind, contract, encode(contract, event), again)
    assert one == other


def plain(value: Any) -> Any:
    """A value as text, with one NaN, one zero and maps in one order."""
    match value:
        case float():
            return "nan" if math.isnan(value) else repr(value + 0.0)
        case {"key": _, "value": _}:
            return (value["key"], plain(value["value"]))
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list():
            items = [plain(each) for each in value]
            return sorted(items) if items and isinstance(items[0], tuple) else items
        case _:
            return repr(value)


@pytest.mark.parametrize("kind", KINDS)
@settings(FIXED_PROFILE, max_examples=60)
@given(data=st.data())
def test_events_have_one_hash_only_if_they_have_one_value(kind: str, data: st.DataObject) -> None:
    contract = data.draw(contracts())
    drawn = data.draw(st.lists(events(contract.record), min_size=2, max_size=4))
    payloads = [encode(contract, each) for each in drawn]
    found, rows = decoded(kind, contract, [contract] * len(payloads), payloads)
    values = [repr(plain(row)) for row in rows]
    assert [each == found[0] for each in found] == [each == values[0] for each in values]


@pytest.mark.parametrize("kind", KINDS)
def test_each_change_of_a_booking_changes_its_hash(kind: str) -> None:
    event = a_booking()
    changes: list[dict[str, Any]] = [
        {"paid": False},
        {"labels": {"campaign": "autumn"}},
        {"labels": {"campaig": "nspring"}},
        {"tags": ["first", "family"]},
        {"tags": ["familyfirst"]},
        {"notes": None},
        {"contact": None},
        {"contact": {"name": "Grace", "city": "GB", "country": ""}},
        {"ratings": {"staff": 3, "site": 5}},
        {"email": "ada@example.con"},
    ]
    found = hashes(kind, BOOKING, *(encode(BOOKING, event | change) for change in [{}, *changes]))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_of_an_older_version_is_the_same_event(kind: str) -> None:
    old = a_booking_v1()
    fields = {each.name for each in BOOKING.record.fields}
    new = {name: value for name, value in old.items() if name in fields}
    payloads = [encode(BOOKING_V1, old), encode(BOOKING, new)]
    one, other = decoded(kind, BOOKING, [BOOKING_V1, BOOKING], payloads)[0]
    assert one == other


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("type_", "default", "other"),
    [
        ("string", "EUR", "USD"),
        ("long", 7, 8),
        ("double", 0.5, 0.25),
        ("boolean", True, False),
        (["null", "int"], None, 1),
        ({"type": "array", "items": "int"}, [], [1]),
        ({"type": "map", "values": "int"}, {}, {"a": 1}),
    ],
)
def test_a_new_field_at_its_default_changes_nothing(kind: str, type_: Any, default: Any, other: Any) -> None:
    old = a_contract(("size", "int"))
    new = a_contract(("added", type_, {"default": default}), ("size", "int"), version=2)
    before = hashes(kind, old, encode(old, {"size": 1, "at": MOMENT}))
    payloads = [encode(new, {"size": 1, "at": MOMENT, "added": value}) for value in (default, other)]
    same, differs = hashes(kind, new, *payloads)
    assert before == [same]
    assert same != differs


@pytest.mark.parametrize("kind", KINDS)
def test_a_wider_number_is_the_same_number(kind: str) -> None:
    narrow = a_contract(("n", "int"), ("x", "float"))
    wide = a_contract(("n", "long"), ("x", "double"), version=2)
    event = {"n": -5, "x": 0.1, "at": MOMENT}
    exact = {"n": -5, "x": float(np.float32(0.1)), "at": MOMENT}
    assert hashes(kind, narrow, encode(narrow, event)) == hashes(kind, wide, encode(wide, exact))


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_message_has_no_hash(kind: str) -> None:
    contract = a_contract(("n", "int"))
    good = encode(contract, {"n": 1, "at": MOMENT})
    columns = columns_of(kind, contract.record)
    assert len(columns.read([contract.record] * 3, [good, good[:-1], good])) == 1
    first, second = np.frombuffer(columns.content_hashes(), np.int64).tolist()
    assert first == second
    columns.finish()
    assert columns.content_hashes() == b""


@NEEDS_C
def test_null_items_have_the_same_hash_in_both_decoders() -> None:
    record = Record("r", (Field("x", Array(Optional(Scalar(Kind.STRING)))),), datum=True)
    payloads = [b"\x04\x00\x02\x02a\x00", b"\x04\x02\x02a\x00\x00", b"\x02\x02\x02a\x00", b"\x00"]
    compiled, pure = (columns_of(kind, record) for kind in ("compiled", "fallback"))
    for each in (compiled, pure):
        assert each.read([record] * len(payloads), payloads) == []
    assert compiled.content_hashes() == pure.content_hashes()
    assert len(set(np.frombuffer(pure.content_hashes(), np.int64).tolist())) == len(payloads)
