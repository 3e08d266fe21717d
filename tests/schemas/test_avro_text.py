"""Comments in schemas, and where errors are."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.avro_text import read_avro, without_comments
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import parse_contract
from tests.support.builders import a_contract, contract_json
from tests.support.growth import assert_linear
from tests.support.strategies import FIXED_PROFILE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab/*"\\\n é'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='a/*"\\'), inner, max_size=3),
    max_leaves=10,
)
COMMENT = st.text(alphabet='a/ "\\{', max_size=8).map(lambda text: f"//{text}\n") | st.text(
    alphabet='a/ "\n\\{', max_size=8
).map(lambda text: f"/*{text}*/")


@FIXED_PROFILE
@given(JSON, COMMENT, COMMENT)
def test_comments_around_any_json_leave_its_value_and_every_position(value: object, one: str, other: str) -> None:
    plain = json.dumps(value, indent=1)
    text = plain.replace(",\n", f",{one}\n").replace("[\n", f"[{other}\n")

    stripped = without_comments(f"{one}{text}{other}", "here")

    assert json.loads(stripped) == value
    assert len(stripped) == len(f"{one}{text}{other}")
    assert stripped.count("\n") == f"{one}{text}{other}".count("\n")


def test_an_error_behind_comments_has_the_position_of_the_file() -> None:
    text = "/* one\n two */ {\n  // three\n  oops\n}"

    with pytest.raises(ContractError, match=r"line 4 column 3"):
        read_avro(without_comments(text, "here"), "here")


def test_a_contract_with_comments_is_the_contract_without_them() -> None:
    plain = a_contract(("f", "string", {"doc": "see http://example.org/*"}))
    text = plain.json.replace("{", '{ // a "comment"\n', 1).replace("[", "[ /* another */", 1)

    found = parse_contract(SchemaRef("thing_happened", 1), text)

    assert (found.record, found.fingerprint) == (plain.record, plain.fingerprint)
    assert json.loads(found.json) == json.loads(plain.json), "other programs read it without comments"


@pytest.mark.parametrize("text", ["{} /* no end", "{} /*", "{} /*/", "/**/ {} /* x *"])
def test_a_comment_without_an_end_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match=r"^here: a comment without an end, from line 1; close it with \*/$"):
        without_comments(text, "here")


@pytest.mark.parametrize(
    ("before", "repeated", "after"), [("", '"\\"', ""), ("", "/*", "*/"), ("", "/", ""), ('"', "\\", "\\")]
)
def test_hostile_text_takes_no_quadratic_time(before: str, repeated: str, after: str) -> None:
    def work_on(count: int) -> Callable[[], object]:
        return partial(without_comments, before + repeated * count + after, "here")

    assert_linear(work_on, 400_000)


def test_a_key_twice_is_refused_wherever_it_is() -> None:
    text = json.dumps(contract_json()).replace('"name": "at"', '"name": "at", "name": "at"')

    with pytest.raises(ContractError, match="key 'name' twice in one object"):
        parse_contract(SchemaRef("thing_happened", 1), text)


PARTS = st.sampled_from(
    ["\\ud83d\\ude00", "\\ud800", "\\udc00", "\\UD83D", "\\\\", "\\n", "a", "\\u0041", "\\\\ud800", "é"]
)


@FIXED_PROFILE
@given(st.lists(PARTS, max_size=6).map("".join))
def test_a_text_with_half_a_character_is_refused_and_every_other_is_read(text: str) -> None:
    written = f'{{"doc": "{text}"}}'
    try:
        value = json.loads(written)
    except ValueError:
        expected = "not JSON|half a surrogate pair"
    else:
        expected = "" if _fits_utf8(value["doc"]) else "half a surrogate pair in line 1; write the whole character"

    if expected:
        with pytest.raises(ContractError, match=expected):
            read_avro(written, "here")
    else:
        assert read_avro(written, "here") == value


@pytest.mark.parametrize("place", ["doc of the record", "doc of a field", "an unknown key", "a waiver"])
def test_half_a_character_anywhere_in_a_contract_is_refused(place: str) -> None:
    avro = contract_json({"name": "n", "type": "int"})
    half = "\ud83d"
    match place:
        case "doc of the record":
            avro["doc"] = half
        case "doc of a field":
            avro["fields"][0]["doc"] = half
        case "an unknown key":
            avro["fields"][0]["owner"] = half
        case _:
            avro["headrace"]["waivers"] = [{"rule": "FIELD_REMOVED", "reason": half}]

    with pytest.raises(ContractError, match="half a surrogate pair in line 1"):
        parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))


def _fits_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
