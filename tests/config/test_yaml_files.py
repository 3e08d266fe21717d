"""YAML files that people write: which values they have, and what is said of a wrong one."""

from __future__ import annotations

import contextlib
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from headrace.backfill.backfill_errors import MappingError
from headrace.config.file_model import FileModel
from headrace.config.yaml_file import YamlFile
from headrace.config.yaml_nodes import InvalidYamlError, compose, value_of
from headrace.schemas.strict_json import read_json


def value(text: str) -> Any:
    return value_of(compose(text))


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("12", 12),
        ("-0.50", Decimal("-0.50")),
        ("1e400", Decimal("1e400")),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", {"a": None}),
        ("NO", "NO"),
        ("yes", "yes"),
        ("True", "True"),
        ("007", "007"),
        ("0x10", "0x10"),
        ("12:30:45", "12:30:45"),
        ("0E0", Decimal(0)),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("'12'", "12"),
        ('"null"', "null"),
        ("|\n  12\n", "12\n"),
    ],
)
def test_a_plain_scalar_means_what_it_means_in_json_and_all_else_is_text(text: str, means: Any) -> None:
    found = value(text or "a:")
    assert (found, type(found)) == (means, type(means))


# YAML reads a key of at most 1,024 characters before its colon; an escape has six.
KEYS: Final = st.text().filter(lambda key: len(json.dumps(key)) <= 1_024)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_json_is_read_as_a_reader_of_json_reads_it(given: Any) -> None:
    text = json.dumps(given)
    if "<<" not in text:
        assert value(text) == read_json(text)


# PyYAML writes these texts without quotes: in YAML 1.1 a number has a point before its exponent, in JSON it need not.
POINTLESS = re.compile(r"-?[0-9]+[eE][-+]?[0-9]+")
TEXTS = st.text().filter(lambda text: not POINTLESS.fullmatch(text))


@given(st.dictionaries(st.text(), TEXTS | st.integers() | st.booleans() | st.none(), min_size=1))
def test_what_a_writer_of_yaml_writes_is_read_back(given: dict[str, Any]) -> None:
    if "<<" not in given:
        assert value(yaml.safe_dump(given)) == given


@given(st.text())
def test_any_text_is_a_value_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidYamlError):
        value(text)


def test_a_mapping_may_begin_with_another_one() -> None:
    text = "base: &base {a: 1, b: 1}\nother: &other {b: 2, c: 2}\nboth: {<<: [*base, *other], a: 3}\n"
    assert value(text)["both"] == {"a": 3, "b": 1, "c": 2}


class Size(FileModel):
    width: int = Field(ge=1, description="a whole number above 0")


class Parcel(FileModel):
    label: str = Field(min_length=1, description='"..."')
    sizes: list[Size] = Field(min_length=1, description="with a list of sizes")


GOOD = "label: a\nsizes:\n- width: 3\n"


def parcel(text: str | bytes) -> Parcel:
    data = text.encode() if isinstance(text, str) else text
    return YamlFile.parse("parcel.yaml", data, MappingError).check(Parcel)


def test_a_file_that_is_right_becomes_its_model() -> None:
    assert parcel(GOOD).sizes[0].width == 3
    assert parcel(b"\xef\xbb\xbf" + GOOD.encode()).label == "a"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("label", "lable"), "parcel.yaml, line 1: lable: no such key; did you mean label?"),
        (GOOD + "  widt: 1", "parcel.yaml, line 4: sizes[0].widt: no such key; did you mean width?"),
        (GOOD + "- {}", "parcel.yaml, line 4: sizes[1].width: missing; write width: a whole number above 0"),
        (GOOD + "- width: '3'", "line 4: sizes[1].width: must be a valid integer; write width: a whole number above 0"),
        (GOOD + "- 3", "parcel.yaml, line 4: sizes[1]: not a mapping; correct that line"),
        (
            "label: a\nsizes: []",
            "line 2: sizes: must have at least 1 item after validation, not 0; write sizes: with a",
        ),
        ("label: a", "parcel.yaml, line 1: sizes: missing; write sizes: with a list of sizes"),
        (GOOD + "label: secret", "parcel.yaml, line 4: the same key twice in one mapping; remove one of them"),
        (GOOD + "x: {<<: *no}", "parcel.yaml, line 4: not YAML (found undefined alias 'no'); correct that line"),
        (GOOD + "x: &x [*x]", "parcel.yaml, line 4: an alias within the value that it names; name another value"),
        (GOOD + "x: {<<: 3}", "parcel.yaml, line 4: `<<` with something other than a mapping; name a mapping, such as"),
        (GOOD + "x: !secret 3", "parcel.yaml, line 4: a tag; remove it: the form of a value gives its type"),
        (GOOD + "x: !!int 3", "parcel.yaml, line 4: a tag; remove it"),
        (GOOD + "[secret]: 3", "parcel.yaml, line 4: a key that is not text; write a name"),
        (
            GOOD + "x: " + "9" * 1001,
            "line 4: JSON with a number of more than 1,000 digits; write it in quotes, if it is",
        ),
        (GOOD + "secret", "parcel.yaml, line 4: not YAML (could not find expected ':'); correct that line"),
        (GOOD + "x: \a", "parcel.yaml: not YAML (a control character); remove it, or write it as an escape in quotes"),
        (GOOD + "---\nx: 1", "parcel.yaml, line 4: not YAML (but found another document); correct that line"),
        (GOOD + 'x: "\\ud800"', "parcel.yaml, line 4: half a surrogate pair; write the whole character"),
        ("", "parcel.yaml: empty; write its content, or remove it"),
        ("- secret", "parcel.yaml, line 1: not a mapping; write key: value"),
        ("[" * 5000, "parcel.yaml: nested too deeply; nest fewer lists and mappings"),
        (b"label: \xff", "parcel.yaml: not UTF-8 text; save it as UTF-8"),
    ],
)
def test_a_wrong_file_says_place_reason_and_remedy(text: str | bytes, says: str) -> None:
    with pytest.raises(MappingError) as refused:
        parcel(text)
    assert says in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"none.yaml: cannot be read \(No such file or directory\); name a YAML"):
        YamlFile.read(tmp_path / "none.yaml", MappingError)


def test_the_line_of_a_value_from_another_mapping_is_where_it_is_written() -> None:
    file = YamlFile.parse("f", b"base: &base\n  a: 1\nsizes:\n- <<: *base\n  b: 2\n", MappingError)
    assert [file.line(("sizes", "0", name)) for name in ("a", "b", "c")] == [2, 5, 4]
