from __future__ import annotations

import hmac
import ipaddress
import math
import unicodedata
from dataclasses import replace
from datetime import date
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema
from headrace.schemas.classification import Generalise, Mask, Pii
from headrace.schemas.errors import ContractError
from headrace.steps.decode.record_batch import columns_for, to_batch
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.partial_masks import generalise, keep_part
from headrace.steps.mask.tokens import TokenKey, tokeniser
from tests.support.builders import MOMENT, a_contract, encode
from tests.support.strategies import FIXED_PROFILE

KEY = b"k" * 32


def tokens(*values: Any, kind: str = "email", key: bytes = KEY, version: str = "1") -> list[Any]:
    return tokeniser(kind, TokenKey(key, version))(pa.array(values)).to_pylist()  # type: ignore[no-any-return]


def test_equal_values_have_equal_tokens_and_null_stays_null() -> None:
    first, second, other, none = tokens("ada@example.com", "ada@example.com", "bob@example.com", None)
    assert first == second != other
    assert none is None
    assert len(first) == len("t1_") + 32


def test_a_token_depends_on_the_key_and_on_the_kind() -> None:
    assert len({tokens("12345")[0], tokens("12345", key=b"x" * 32)[0], tokens("12345", kind="phone")[0]}) == 3


@pytest.mark.parametrize("version", ["2", "2026q4", "zzzzzzzz"])
def test_a_token_names_the_version_of_its_key(version: str) -> None:
    first, rotated = tokens("ada@example.com"), tokens("ada@example.com", key=b"x" * 32, version=version)
    assert (first[0][:3], rotated[0].partition("_")[0]) == ("t1_", f"t{version}")
    assert first[0].partition("_")[2] != rotated[0].partition("_")[2]


def test_another_version_of_the_same_key_changes_the_prefix_alone() -> None:
    first, second = tokens("ada@example.com")[0], tokens("ada@example.com", version="2")[0]
    assert first != second
    assert first.removeprefix("t1_") == second.removeprefix("t2_")


def test_an_address_is_the_same_in_any_case_and_width_and_other_kinds_are_not() -> None:
    assert len(set(tokens("Ada@Example.com", "ada@example.com", " ada@example.com", "\uff41da@example.com"))) == 1
    assert len(set(tokens("Ada", "ada", kind="name"))) == 2


def test_numbers_and_bytes_have_tokens_too() -> None:
    assert tokens(7, kind="id") == tokens("7", kind="id")
    assert tokens(b"\x00\xff", kind="id")[0].startswith("t1_")


@pytest.mark.parametrize(
    ("text", "first", "last", "expected"),
    [
        ("4111111111111111", 0, 4, "************1111"),
        ("abcdef", 1, 1, "a****f"),
        ("abc", 0, 4, "***"),
        ("abcd", 2, 2, "****"),
        ("", 0, 4, ""),
        (None, 0, 4, None),
    ],
)
def test_a_part_is_kept_only_of_a_text_that_is_longer(text: str, first: int, last: int, expected: str) -> None:
    assert keep_part(pa.array([text], pa.string()), first, last).to_pylist() == [expected]


@pytest.mark.parametrize(
    ("value", "to", "size", "expected"),
    [
        pytest.param(date(1985, 12, 10), Generalise.MONTH, None, date(1985, 12, 1), id="month"),
        pytest.param(date(1985, 12, 10), Generalise.YEAR, None, date(1985, 1, 1), id="year"),
        pytest.param("203.0.113.77", Generalise.NETWORK, None, "203.0.113.0/24", id="IPv4"),
        pytest.param("2001:db8:1:2::9", Generalise.NETWORK, None, "2001:db8:1::/48", id="IPv6"),
        pytest.param("ada@example.com", Generalise.NETWORK, None, None, id="no address is nobody's network"),
        pytest.param(12_345, Generalise.BUCKET, 1000, 12_000, id="bucket"),
        pytest.param(-1, Generalise.BUCKET, 1000, -1000, id="negative bucket"),
        pytest.param(1.75, Generalise.BUCKET, 1, 1.0, id="fraction"),
        pytest.param(1234.5, Generalise.BUCKET, 1000, 1000.0, id="bucket of a fraction"),
        pytest.param(-1234.5, Generalise.BUCKET, 1000, -2000.0, id="negative bucket of a fraction"),
        pytest.param(None, Generalise.BUCKET, 10, None, id="null"),
    ],
)
def test_generalised(value: Any, to: Generalise, size: int | None, expected: Any) -> None:
    pii = Pii("kind", Mask.GENERALISE, to=to, size=size)
    column = pa.array([value], pa.int64() if value is None else None)
    assert generalise(column, pii).to_pylist() == [expected]


@pytest.mark.parametrize("type_", [pa.int32(), pa.int64(), pa.float32(), pa.float64()], ids=str)
def test_buckets_are_of_the_type_of_their_numbers(type_: pa.DataType) -> None:
    pii = Pii("kind", Mask.GENERALISE, to=Generalise.BUCKET, size=1000)
    buckets = generalise(pa.array([12_345, None, -1], type_), pii)
    assert (buckets.type, buckets.to_pylist()) == (type_, [12_000, None, -1000])


def test_the_bucket_of_the_smallest_numbers_stays_in_range() -> None:
    pii = Pii("kind", Mask.GENERALISE, to=Generalise.BUCKET, size=1000)
    assert generalise(pa.array([-(2**31)], pa.int32()), pii).to_pylist() == [-(2**31)]
    assert generalise(pa.array([-(2**63)], pa.int64()), pii).to_pylist() == [-(2**63)]


@pytest.mark.parametrize(
    ("number", "size", "lower_end"),
    [
        (2**63 - 1, 2**63 - 1, 2**63 - 1),
        (2**63 - 2, 2**63 - 1, 0),
        (-1, 2**63 - 1, -(2**63) + 1),
        (0, 2**63, 0),
        (2**63 - 1, 2**63, 0),
        (-1, 2**63, -(2**63)),
        (0, 2**70, 0),
        (-1, 2**70, -(2**63)),
        (-(2**63) + 1, 2, -(2**63)),
        (-(2**63) + 1, 3, -(2**63)),
    ],
)
def test_buckets_as_wide_as_numbers_reach(number: int, size: int, lower_end: int) -> None:
    pii = Pii("kind", Mask.GENERALISE, to=Generalise.BUCKET, size=size)
    assert generalise(pa.array([number, None]), pii).to_pylist() == [lower_end, None]


@pytest.mark.parametrize(
    ("text", "first", "last", "expected"),
    [
        ("äbcdef", 0, 0, "******"),
        ("äbcdef", 1, 0, "ä*****"),
        ("äbcdef", 2, 3, "äb*def"),
        ("äbcdef", 3, 3, "******"),
        ("äbcdef", 4, 1, "äbcd*f"),
        ("abcdef", 0, 0, "******"),
        ("abcdef", 1, 0, "a*****"),
        ("abcdef", 2, 3, "ab*def"),
        ("abcdef", 3, 3, "******"),
        ("abcdef", 4, 1, "abcd*f"),
    ],
)
def test_the_ends_of_a_text_are_kept_in_any_alphabet(text: str, first: int, last: int, expected: str) -> None:
    column = pa.array([None, text, "", text])
    assert keep_part(column, first, last).to_pylist() == [None, expected, "", expected]


# What docs/contracts.md says of one value; the columns must say the same of each.


def token_of(value: Any, kind: str) -> str:
    if not isinstance(value, bytes):
        value = unicodedata.normalize("NFKC", str(value)).strip()
        value = (value.casefold() if kind == "email" else value).encode()
    own_key = hmac.digest(KEY, kind.encode(), "sha256")
    return "t1_" + hmac.digest(own_key, value, "sha256").hex()[:32]


def part_of(text: str, first: int, last: int) -> str:
    end = len(text) - last
    is_hidden = [len(text) <= first + last or first <= place < end for place in range(len(text))]
    return "".join("*" if hidden else letter for letter, hidden in zip(text, is_hidden, strict=True))


def network_of(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return str(ipaddress.ip_network((address.packed, 24 if address.version == 4 else 48), strict=False))


def column_of(values: list[Any], type_: pa.DataType, offset: int) -> pa.Array:
    """A column, which may be a part of a longer one."""
    return pa.array([None] * offset + values, type_).slice(offset)


MANY = settings(FIXED_PROFILE, max_examples=150)
TEXTS = st.text(max_size=12) | st.text(" \t\x1c\u00a0aAß\ufb01İ\uff21é", max_size=6)
OFFSETS = st.integers(0, 3)


def lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Values of which some come again, and some are null."""
    return st.lists(values, min_size=1, max_size=4).flatmap(
        lambda few: st.lists(st.sampled_from([*few, None]), max_size=10)
    )


@MANY
@given(
    st.one_of(
        st.tuples(lists(TEXTS), st.just(pa.string())),
        st.tuples(lists(st.binary(max_size=9)), st.just(pa.binary())),
        st.tuples(lists(st.integers(-(2**63), 2**63 - 1)), st.just(pa.int64())),
        st.tuples(lists(st.integers(-(2**31), 2**31 - 1)), st.just(pa.int32())),
    ),
    st.sampled_from(["email", "phone", ""]),
    OFFSETS,
)
def test_tokens_are_as_documented(column: tuple[list[Any], pa.DataType], kind: str, offset: int) -> None:
    values, type_ = column
    masked = tokeniser(kind, TokenKey(KEY))(column_of(values, type_, offset))
    assert masked.to_pylist() == [None if value is None else token_of(value, kind) for value in values]
    assert masked.type == pa.string()


@pytest.mark.parametrize("blank", [*" \t\n\v\f\r\x1c\x1d\x1e\x1f"], ids=ascii)
def test_what_python_calls_blank_around_a_text_changes_no_token(blank: str) -> None:
    masked = tokeniser("email", TokenKey(KEY))(pa.array(["ada@example.com", f"{blank}ada@example.com{blank}"]))
    assert len(set(masked.to_pylist())) == 1


def test_however_long_a_part_is_to_be_kept_a_text_that_is_no_longer_is_hidden() -> None:
    assert keep_part(pa.array(["1234", None]), 2**40, 2**40).to_pylist() == ["****", None]


def test_nothing_is_left_where_a_null_hides_it() -> None:
    every = pa.array(["1234567", "7654321"])
    second = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\2"), *every.buffers()[1:]])
    assert keep_part(second, 0, 2).buffers()[2].to_pybytes() == b"************21"


@MANY
@given(lists(TEXTS | st.text("abc", max_size=9)), st.integers(0, 5), st.integers(0, 5), OFFSETS)
def test_parts_are_as_documented(texts: list[Any], first: int, last: int, offset: int) -> None:
    masked = keep_part(column_of(texts, pa.string(), offset), first, last)
    assert masked.to_pylist() == [None if text is None else part_of(text, first, last) for text in texts]
    assert masked.type == pa.string()


ADDRESSES = (
    st.ip_addresses().map(str)
    | st.ip_addresses(v=6).map(lambda address: address.exploded.upper())
    | st.sampled_from(
        ["::", "::1", "1:2:3::", "1:2::3", "::ffff:1.2.3.4", "fe80::1%eth0", "::%0", "fe80::1%", "1.2.3", "01.2.3.4"]
    )
    | st.sampled_from(
        [
            "1:2:3:4:5:6:7:8",
            "1:2:0:4:5:6:7:8",
            "0:0:3:4:5:6:7:8",
            "1:2:03:4:5:6:7:8",
            "1:2:3:4:5:6:7:g",
            "1:2:3:4:5:6:7:8:9",
        ]
    )
    | st.sampled_from(
        ["1.2.3.256", "1.2.3.4.5", "1::2::3", "12345::", "1.2.3.4\0", "\u0661.2.3.4", "0x1.2.3.4", "1:2", ""]
    )
    | st.text("0123456789abcdef:.%/ ", max_size=12)
)


@MANY
@given(lists(ADDRESSES | ADDRESSES.map(" {}\n".format)), OFFSETS)
def test_networks_are_as_documented(texts: list[Any], offset: int) -> None:
    pii = Pii("kind", Mask.GENERALISE, to=Generalise.NETWORK)
    masked = generalise(column_of(texts, pa.string(), offset), pii)
    assert masked.to_pylist() == [None if text is None else network_of(text) for text in texts]
    assert masked.type == pa.string()


SIZES = st.integers(1, 1000) | st.integers(1, 2**70) | st.sampled_from([2**31, 2**63 - 1, 2**63])


@MANY
@given(st.sampled_from([31, 63]), SIZES, OFFSETS, st.data())
def test_buckets_of_whole_numbers_are_as_documented(bits: int, size: int, offset: int, data: st.DataObject) -> None:
    low, high = -(2**bits), 2**bits - 1
    numbers = data.draw(lists(st.integers(low, high) | st.sampled_from([low, low + 1, -1, 0, high])))
    pii = Pii("kind", Mask.GENERALISE, to=Generalise.BUCKET, size=size)
    column = column_of(numbers, pa.int32() if bits == 31 else pa.int64(), offset)
    masked = generalise(column, pii)
    assert masked.to_pylist() == [None if number is None else max(low, number - number % size) for number in numbers]
    assert masked.type == column.type


@MANY
@given(st.sampled_from([32, 64]), SIZES, OFFSETS, st.data())
def test_buckets_of_floats_are_as_documented(
    width: Literal[32, 64], size: int, offset: int, data: st.DataObject
) -> None:
    numbers = data.draw(lists(st.floats(width=width)))
    pii = Pii("kind", Mask.GENERALISE, to=Generalise.BUCKET, size=size)
    column = column_of(numbers, pa.float32() if width == 32 else pa.float64(), offset)
    masked = generalise(column, pii)
    least = float(np.finfo(np.float32 if width == 32 else np.float64).min)

    def lower_end(number: float) -> float:
        return max(number // size * size, least) + 0.0 if math.isfinite(number) else number

    expected = pa.array([None if number is None else lower_end(number) for number in numbers], column.type)
    assert [str(value) for value in masked.to_pylist()] == [str(value) for value in expected.to_pylist()]
    assert masked.type == column.type


@pytest.mark.parametrize("type_", [pa.float32(), pa.float64()], ids=str)
@pytest.mark.parametrize("size", [1, 1000, 10**30, 10**400], ids=lambda size: f"{len(str(size))} digits")
def test_buckets_of_floating_numbers_never_become_something_else(type_: pa.DataType, size: int) -> None:
    least = float(np.finfo(np.float32 if type_ == pa.float32() else np.float64).min)
    values = [math.inf, -math.inf, math.nan, -0.0, 0.0, least, -least, None]

    masked = generalise(pa.array(values, type_), Pii("kind", Mask.GENERALISE, to=Generalise.BUCKET, size=size))

    plus, minus, nan, zero, zero_too, lowest, highest, none = masked.to_pylist()
    assert (plus, minus, none) == (math.inf, -math.inf, None)
    assert math.isnan(nan)
    assert math.copysign(1, zero) == math.copysign(1, zero_too) == 1
    assert math.isfinite(lowest)
    assert math.isfinite(highest)
    assert 0 <= highest <= -least


@pytest.mark.parametrize(
    ("value", "to", "expected"),
    [
        (date.min, Generalise.YEAR, date.min),
        (date(1, 12, 31), Generalise.MONTH, date(1, 12, 1)),
        (date.max, Generalise.YEAR, date(9999, 1, 1)),
        (date.max, Generalise.MONTH, date(9999, 12, 1)),
        ("::ffff:203.0.113.7", Generalise.NETWORK, "::/48"),
    ],
)
def test_the_ends_of_what_can_be_generalised(value: Any, to: Generalise, expected: Any) -> None:
    assert generalise(pa.array([value]), Pii("kind", Mask.GENERALISE, to=to)).to_pylist() == [expected]


def test_a_mask_that_is_not_known_gives_nothing_in_clear() -> None:
    with pytest.raises((AssertionError, ValueError)):
        generalise(pa.array([7]), Pii("kind", Mask.GENERALISE, to="decade"))  # type: ignore[arg-type]
    contract = a_contract(("secret", "long"))
    field = replace(contract.record.fields[0], pii=Pii("kind", "blur"))  # type: ignore[arg-type]
    unknown = replace(contract, record=replace(contract.record, fields=(field, *contract.record.fields[1:])))
    with pytest.raises(AssertionError):
        Masker(unknown, TokenKey(KEY))


def test_keys_of_a_masked_map_stay() -> None:
    values = {"type": "map", "values": "string"}
    personal = {"pii": {"kind": "phone", "mask": "tokenise", "keys": "none"}}
    contract = a_contract(("numbers", values, personal))
    payload = encode(contract, {"numbers": {"home": "123"}, "at": MOMENT})
    columns = columns_for(contract.record)
    columns.read([contract.record], [payload])
    rows = to_batch(columns.finish(), arrow_schema(contract.record))
    metas = [pa.nulls(1, field.type) for field in META_SCHEMA]
    whole = pa.RecordBatch.from_arrays([*rows.columns, *metas], schema=pa.schema([*rows.schema, *META_SCHEMA]))

    (entry,) = Masker(contract, TokenKey(KEY)).mask(whole).column("numbers").to_pylist()[0]

    assert entry == {"key": "home", "value": tokens("123", kind="phone")[0]}


def test_personal_keys_of_a_map_are_refused() -> None:
    keys = {"kind": "phone", "mask": "tokenise"}
    with pytest.raises(ContractError, match=r"numbers\.pii\.keys: personal keys of a map.*use an array of records"):
        a_contract(
            ("numbers", {"type": "map", "values": "string"}, {"pii": {"kind": "x", "mask": "redact", "keys": keys}}),
        )
