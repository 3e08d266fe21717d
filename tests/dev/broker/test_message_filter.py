"""Filters follow the documented grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.dev.broker.broker_errors import BrokerError
from headrace.dev.broker.message_filter import Predicate, parse_filter

KEYS = st.sampled_from(["region", "iana.org/language", "a b", "x-y", 'quo"te'])
VALUES = st.sampled_from(["", "eu", "europe", "us", "ünï", 'a"b', "a\\b"])
ATTRIBUTES = st.dictionaries(KEYS, VALUES)


def matches(text: str, **attributes: str) -> bool:
    predicate = parse_filter(text)
    assert predicate is not None
    return predicate(attributes)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def terms(draw: st.DrawFn) -> tuple[str, Predicate]:
    """A term, and what it means."""
    key, value = draw(KEYS), draw(VALUES)
    name = quoted(key)
    choices: list[tuple[str, Predicate]] = [
        (f"attributes:{name}", lambda given: key in given),
        (f"attributes.{name} = {quoted(value)}", lambda given: given.get(key) == value),
        (f"attributes.{name} != {quoted(value)}", lambda given: given.get(key) != value),
        (f"hasPrefix(attributes.{name}, {quoted(value)})", lambda given: key in given and given[key].startswith(value)),
    ]
    return draw(st.sampled_from(choices))


@given(terms(), terms(), terms(), ATTRIBUTES)
def test_terms_are_combined_as_their_operators_say(
    one: tuple[str, Predicate],
    two: tuple[str, Predicate],
    three: tuple[str, Predicate],
    attributes: dict[str, str],
) -> None:
    for text, expected in [
        (one[0], one[1](attributes)),
        (f"NOT {one[0]}", not one[1](attributes)),
        (f"-{one[0]}", not one[1](attributes)),
        (f"{one[0]} AND {two[0]}", one[1](attributes) and two[1](attributes)),
        (f"{one[0]} OR {two[0]}", one[1](attributes) or two[1](attributes)),
        (
            f"NOT ({one[0]} AND {two[0]}) OR {three[0]}",
            not (one[1](attributes) and two[1](attributes)) or three[1](attributes),
        ),
    ]:
        if len(text.encode()) > 256:
            continue
        predicate = parse_filter(text)
        assert predicate is not None
        assert predicate(attributes) is expected, text


def test_an_empty_filter_has_no_predicate() -> None:
    assert parse_filter("") is None


def test_keys_and_values_are_case_sensitive() -> None:
    assert not matches('attributes.region = "EU"', region="eu")
    assert not matches("attributes:Region", region="eu")


def test_spaces_do_not_matter() -> None:
    assert matches('  attributes . region="eu"AND attributes:region ', region="eu")


@pytest.mark.parametrize(
    "text",
    [
        "attributes",
        "attributes.",
        "attributes.a",
        "attributes.a = b",
        'attributes.a > "b"',
        'attributes.a = "b',
        'attributes.a = "b" and attributes:c',
        'attributes.a = "b" AND',
        "attributes:a AND attributes:b OR attributes:c",
        "attributes:a attributes:b",
        "(attributes:a",
        "attributes:a)",
        'hasPrefix(attributes:a, "b")',
        'hasPrefix(attributes.a "b")',
        "NOT",
        "-",
        "data:a",
        "attributes:AND",
        'attributes.a = "\\N{no such name}"',
        'attributes.a = "\x00"',
        f'attributes.a = "{"x" * 256}"',
        "é" * 129,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BrokerError, match="The filter"):
        parse_filter(text)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_filter(text)
    except BrokerError:
        return
