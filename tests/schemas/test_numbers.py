"""Numbers out of texts and JSON, every digit of them; fractions are the oracle."""

from __future__ import annotations

import json
import math
import struct
import tracemalloc
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.schemas.errors import UnreadableTextError
from headrace.schemas.numbers import at_scale, exact, floating, micros_of, read_decimal, read_floating, read_whole
from headrace.schemas.strict_json import InvalidJsonError, read_json
from tests.support.strategies import FIXED_PROFILE

MANY = settings(FIXED_PROFILE, max_examples=300)
SIGNS = st.sampled_from(["", "+", "-"])
DIGITS = st.from_regex(r"[0-9]{1,25}", fullmatch=True)
POWERS = st.just("") | st.integers(-420, 420).map("e{}".format) | st.integers(-30, 30).map("E{}".format)
LARGEST = Fraction(1.7976931348623157e308)


def fraction_of(sign: str, whole: str, part: str, power: str) -> Fraction:
    value = Fraction(int(whole + part), 10 ** len(part)) * Fraction(10) ** int(power[1:] or 0)
    return -value if sign == "-" else value


@MANY
@given(SIGNS, DIGITS, st.just("") | DIGITS, POWERS)
def test_numbers_are_read_as_fractions_have_them(sign: str, whole: str, part: str, power: str) -> None:
    text = f"{sign}{whole}{'.' if part else ''}{part}{power}"
    value = fraction_of(sign, whole, part, power)
    assert Fraction(read_decimal(text)) == value
    try:
        found: int | None = read_whole(text)
    except UnreadableTextError:
        found = None
    assert found == (int(value) if value.denominator == 1 and abs(value) < 10**401 else None)
    try:
        nearest = read_floating(text)
    except UnreadableTextError:
        assert abs(value) > LARGEST or 0 < abs(value) < Fraction(5e-324)
    else:
        around = (math.nextafter(nearest, -math.inf), math.nextafter(nearest, math.inf))
        off = abs(Fraction(nearest) - value)
        assert all(off <= abs(Fraction(each) - value) for each in around if math.isfinite(each))


@MANY
@given(st.floats(width=32))
def test_floats_come_back_from_their_text(value: float) -> None:
    for text in (repr(value), f" {value!r}\t"):
        read = read_floating(text, single=True)
        assert struct.pack("<d", read) == struct.pack("<d", value) or (math.isnan(read) and math.isnan(value))


@pytest.mark.parametrize(
    "text",
    [
        "1_000",
        "\uff11\uff12",
        "0x10",
        "1e",
        "",
        ".",
        "--1",
        "1 000",
        "1,000",
        "12.50€",
        "\u0663",
        "1e400000",
        "9" * 1001,
    ],
)
def test_what_is_no_number_is_refused_by_each_reader(text: str) -> None:
    for read in (read_decimal, read_whole, read_floating):
        with pytest.raises(UnreadableTextError):
            read(text)


@pytest.mark.parametrize("text", ["NaN", "inf", "Infinity", "-Infinity"])
def test_names_of_what_is_not_finite_are_for_floats_alone(text: str) -> None:
    assert not math.isfinite(read_floating(text))
    for read in (read_decimal, read_whole):
        with pytest.raises(UnreadableTextError):
            read(text)


def test_a_number_that_would_become_infinite_or_zero_is_refused() -> None:
    for text, single in (("1e400", False), ("-1e309", False), ("1e-400", False), ("1e-50", True)):
        with pytest.raises(UnreadableTextError, match=r"a number (beyond|too small for) a (double|float)"):
            read_floating(text, single)
    assert floating(Decimal("1e-50")) == 1e-50
    assert floating(Decimal("0e-900")) == 0.0


@MANY
@given(st.integers(-(10**12), 10**12), st.integers(0, 9), st.sampled_from([1, 1_000, 1_000_000]))
def test_units_of_time_are_counted_to_the_microsecond_or_refused(number: int, places: int, each: int) -> None:
    value = Decimal(number).scaleb(-places)
    expected = Fraction(number, 10**places) * each
    for given_ in (value, str(value)):
        try:
            found: int | None = micros_of(given_, each)
        except UnreadableTextError:
            found = None
        assert found == (int(expected) if expected.denominator == 1 else None)


@pytest.mark.parametrize("value", [True, None, math.nan, math.inf, Decimal("NaN"), "1_000", [], 1e-7])
def test_what_counts_no_microseconds_is_refused(value: Any) -> None:
    with pytest.raises(UnreadableTextError):
        micros_of(value, 1)


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    lambda sign, digits, zeros, exponent: Decimal((sign, (*map(int, str(digits)), *[0] * zeros), exponent)),
    st.integers(0, 1),
    st.integers(0, 10**15),
    st.integers(0, 60),
    st.integers(-80, 45),
)


@settings(FIXED_PROFILE, max_examples=1000)
@given(DECIMALS, st.integers(1, 76), st.integers(0, 38))
def test_a_number_has_a_scale_if_and_only_if_no_digit_is_lost_and_all_fit(
    number: Decimal, precision: int, scale: int
) -> None:
    precision = max(precision, scale)
    unscaled = Fraction(number) * 10**scale
    found = at_scale(number, precision, scale)
    assert (found is not None) == (unscaled.denominator == 1 and abs(unscaled) < 10**precision)
    if found is not None:
        assert found == number
        assert found.as_tuple().exponent == -scale
        assert len(found.as_tuple().digits) <= precision
        assert found or not found.is_signed(), "Avro has no negative zero"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("1E+999999999", None),
        ("-1E-999999999999", None),
        ("0E+999999999", "0.00"),
        ("0E-999999999999", "0.00"),
        ("-0.00", "0.00"),
        ("1E+3", "1000.00"),
        (f"12.5{'0' * 10_000}", "12.50"),
        (f"12.5{'0' * 10_000}1", None),
        (f"{'9' * 10_000}.5", None),
        (f"0.{'0' * 1_000_000}1", None),
    ],
)
def test_superfluous_digits_take_neither_memory_nor_time(text: str, held: str | None) -> None:
    number = Decimal(text)
    tracemalloc.start()
    try:
        found = at_scale(number, 18, 2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (None if found is None else str(found)) == held
    assert peak < 2_000_000


def test_a_double_counts_as_it_is_printed() -> None:
    assert exact(1795152900.789) == Decimal("1795152900.789")
    assert micros_of(1795152900.789, 1_000_000) == 1_795_152_900_789_000


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner),
    max_leaves=12,
)


def written(value: Any) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{written(item)}" for key, item in value.items()) + "}"
        case list():
            return f"[{', '.join(map(written, value))}]"
        case Decimal():
            return str(value) if any(each in str(value) for each in ".E") else f"{value}.0"
        case _:
            return json.dumps(value)


@MANY
@given(JSON)
def test_json_comes_back_with_every_digit(value: Any) -> None:
    assert read_json(written(value)) == value
    assert read_json(b"\xef\xbb\xbf" + written(value).encode()) == value


@MANY
@given(st.text(max_size=30) | st.binary(max_size=30))
def test_any_text_is_json_or_refused(text: str | bytes) -> None:
    with suppress(InvalidJsonError):
        read_json(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": NaN}', "no NaN and no infinities"),
        ('{"a": -Infinity}', "no NaN and no infinities"),
        ('{"a": 1, "a": 2}', "the same key twice"),
        ('{"a": {"b": 1, "b": 1}}', "the same key twice"),
        ('{"\\ud800": 1}', "half a surrogate pair"),
        (f'{{"a": {"9" * 5000}}}', "more than 1,000 digits"),
        (f'{{"a": 1e{"9" * 30}}}', "beyond any type"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": "\xe9"}', "not UTF-8"),
        ('{"a": 01}', "not JSON"),
        ('{"a": 1} {"a": 2}', "not JSON"),
        ("{'a': 1}", "not JSON"),
    ],
)
def test_what_is_not_json_is_refused_with_its_reason(text: str | bytes, why: str) -> None:
    with pytest.raises(InvalidJsonError, match=why):
        read_json(text)
