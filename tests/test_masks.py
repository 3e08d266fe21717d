from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from schemas.model import Generalise, Mask, Pii
from stream.masks import generalise, keep_part, tokeniser

KEY = b"k" * 32


def tokens(*values: Any, kind: str = "email", key: bytes = KEY, type_: pa.DataType | None = None) -> list[Any]:
    return tokeniser(kind, key)(pa.array(values, type_)).to_pylist()  # type: ignore[no-any-return]


def test_equal_values_have_equal_tokens_and_null_stays_null() -> None:
    first, second, other, none = tokens("ada@example.com", "ada@example.com", "bob@example.com", None)
    assert first == second != other
    assert none is None
    assert len(first) == len("t1_") + 32


def test_a_token_depends_on_the_key_and_on_the_kind() -> None:
    assert len({tokens("12345")[0], tokens("12345", key=b"x" * 32)[0], tokens("12345", kind="phone")[0]}) == 3


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
        pytest.param(None, Generalise.BUCKET, 10, None, id="null"),
    ],
)
def test_generalised(value: Any, to: Generalise, size: int | None, expected: Any) -> None:
    pii = Pii("kind", Mask.GENERALISE, to=to, size=size)
    column = pa.array([value], pa.int64() if value is None else None)
    assert generalise(column, pii).to_pylist() == [expected]


def test_the_bucket_of_the_smallest_numbers_stays_in_range() -> None:
    pii = Pii("kind", Mask.GENERALISE, to=Generalise.BUCKET, size=1000)
    assert generalise(pa.array([-(2**31)], pa.int32()), pii).to_pylist() == [-(2**31)]
    assert generalise(pa.array([-(2**63)], pa.int64()), pii).to_pylist() == [-(2**63)]
