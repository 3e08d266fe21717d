"""Objects, keys, defaults and syntax: what is read, and where and why a text is refused."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.json_encoding.rules import AVRO_JSON, CONVENTIONS
from headrace.schemas.model import MAX_ITEMS
from tests.support.builders import a_decimal, a_record
from tests.support.json_reading import KINDS, a_record_of, read_json_as, rules_of

STRICT, JACKSON = CONVENTIONS["strict"], CONVENTIONS["jackson"]
LINE = a_record("Line", ("sku", "string"), ("price", ["null", a_decimal(9, 2)], {"default": None}))
ORDER = a_record_of(
    ("id", "long"),
    ("lines", {"type": "array", "items": LINE}, {"default": []}),
    ("labels", {"type": "map", "values": "int"}, {"default": {}}),
    ("note", ["null", "string"]),
)
IGNORE = rules_of(unknown_keys="ignore", absent="null")


@pytest.mark.parametrize("kind", KINDS)
def test_keys_may_have_any_order_and_escapes(kind: str) -> None:
    text = '{"note":null,"labels":{"\\u0061":1},"lines":[{"price":"1.50","sk\\u0075":"x"},{"sku":""}],"id":7}'

    assert read_json_as(kind, ORDER, STRICT, text) == {
        "id": 7,
        "lines": [{"sku": "x", "price": "1.50"}, {"sku": "", "price": None}],
        "labels": {"a": 1},
        "note": None,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_an_absent_key_has_the_default_of_the_contract(kind: str) -> None:
    record = a_record_of(
        ("a", "int", {"default": 7}),
        ("b", "bytes", {"default": "\u00ff"}),
        ("c", ["null", "string"], {"default": None}),
        ("d", {"type": "array", "items": "int"}, {"default": [1, 2]}),
        ("e", a_record("Inner", ("x", "double"), ("y", "string", {"default": "z"})), {"default": {"x": 0.5}}),
    )

    assert read_json_as(kind, record, STRICT, "{}") == {
        "a": 7,
        "b": "/w==",
        "c": None,
        "d": [1, 2],
        "e": {"x": 0.5, "y": "z"},
    }


def test_a_default_of_another_type_is_a_fault_of_the_contract() -> None:
    with pytest.raises(ContractError, match=r"^thing\.a: a default that does not fit its type"):
        a_record_of(("a", "int", {"default": "7"}))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("type_", "absent", "value"),
    [
        (["null", "string"], "null", None),
        ("string", "empty", ""),
        ("bytes", "empty", ""),
        ({"type": "array", "items": "int"}, "empty", []),
        ({"type": "map", "values": "int"}, "empty", {}),
        ("int", "zero", 0),
        ("boolean", "zero", False),
        ("double", "zero", 0.0),
    ],
)
def test_an_absent_key_means_what_the_convention_says(kind: str, type_: Any, absent: str, value: Any) -> None:
    record = a_record_of(("value", type_))

    assert read_json_as(kind, record, rules_of(absent=absent), "{}") == {"value": value}
    with pytest.raises(UndecodableError, match=rf"^value: absent, and it has no default at byte 0; .*\"{absent}\""):
        read_json_as(kind, record, STRICT, "{}")


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_keys_are_ignored_where_the_convention_says_so(kind: str) -> None:
    text = '{"id":1,"x":{"id":[1e999,{"a":"\\ud83d\\ude42"},[],{}]},"lines":[{"y":null,"sku":"s"}],"z":true}'

    assert read_json_as(kind, ORDER, IGNORE, text)["lines"] == [{"sku": "s", "price": None}]


REFUSED: list[tuple[str, str, int | None, str]] = [
    ("", "", 0, "the text ends in the middle"),
    (" ", "", 1, "the text ends in the middle"),
    ("[]", "", 0, "an array where the contract has an object"),
    ("null", "", 0, "null, and the field is not optional"),
    ('{"id":1,"note":null}x', "", 20, "1 bytes follow the JSON object"),
    ('{"id":1,"note":null} {}', "", 21, "2 bytes follow the JSON object"),
    ('{"id":1,}', "", 8, "not JSON"),
    ('{"id":1 "note":null}', "", 8, "not JSON"),
    ('{"id" 1}', "", 6, "not JSON"),
    ('{"id":01}', "", 7, "not JSON"),
    ("{'id':1}", "", 1, "not JSON"),
    ('{"id":tru}', "id", 6, "a boolean where the contract has a number"),
    ('{"id":1,"id":1}', "id", 8, "a key occurs twice"),
    ('{"id":1,"\\u0069d":1}', "id", 8, "a key occurs twice"),
    ('{"ID":1}', "", 1, "a key that the contract does not have"),
    ('{"id":1,"labels":{"a":1,"b":2,"\\u0061":3},"note":null}', "labels[2].key", 30, "a key occurs twice"),
    ('{"id":1,"labels":{"a":null}}', "labels[0].value", 22, "null, and the field is not optional"),
    ('{"lines":[{"sku":"a"},{"sku":5}]}', "lines[1].sku", 29, "a number where the contract has a text"),
    ('{"lines":[{"sku":"a"},{}]}', "lines[1].sku", 22, "absent, and it has no default"),
    ('{"lines":[{"sku":"a"}', "lines", 21, "the text ends in the middle"),
    ('{"lines":[{"sku":"a"', "lines[0]", 20, "the text ends in the middle"),
    ('{"lines":[{"sku":"a', "lines[0].sku", 19, "the text ends in the middle"),
    ('{"note":"', "note", 9, "the text ends in the middle"),
    ('{"note":"\\', "note", 10, "the text ends in the middle"),
    ('{"note":"\\u12"}', "note", 8, "an escape that JSON does not have"),
    ("\ufeff{'", "", 4, "not JSON"),
    ("{}", "id", 0, "absent, and it has no default"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("text", "path", "offset", "why"), REFUSED)
def test_a_text_is_refused_with_field_and_byte(kind: str, text: str, path: str, offset: int, why: str) -> None:
    with pytest.raises(UndecodableError) as refused:
        read_json_as(kind, ORDER, STRICT, text)

    error = refused.value
    assert (error.path, error.offset, error.why) == (path, offset, why)
    assert str(error) == f"{path + ': ' if path else ''}{why} at byte {offset}; {error.remedy}{error.setting}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text", [b'{"note":"\xff"}', b'{"note":"\xed\xa0\x80"}', b'{"note":"\xc0\x80"}', b'{"\xff":1}']
)
def test_a_text_that_is_not_utf8_is_refused(kind: str, text: bytes) -> None:
    with pytest.raises(UndecodableError, match="text that is not UTF-8 at byte"):
        read_json_as(kind, ORDER, STRICT, text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"x":' + "[" * 65 + "]" * 65 + "}", "an ignored value nested deeper than 64"),
        ('{"x":nul}', "not JSON"),
        ('{"x":[1,]}', "not JSON"),
        ('{"x":{"a":1,}}', "not JSON"),
        ('{"x":[1}}', "not JSON"),
        ('{"x":"\\x"}', "an escape that JSON does not have"),
        ('{"x":-}', "not JSON"),
    ],
)
def test_the_syntax_of_an_ignored_value_is_checked(kind: str, text: str, why: str) -> None:
    with pytest.raises(UndecodableError) as refused:
        read_json_as(kind, ORDER, IGNORE, text)

    assert refused.value.why == why


@pytest.mark.parametrize("kind", KINDS)
def test_errors_contain_nothing_of_the_text(kind: str) -> None:
    for text in ('{"secret":"hidden"}', '{"id":"hidden"}', '{"labels":{"hidden":null}}', '{"note":"hidden'):
        with pytest.raises(UndecodableError) as refused:
            read_json_as(kind, ORDER, AVRO_JSON, text)
        assert "hidden" not in f"{refused.value!r}{refused.value.remedy}"
        assert "secret" not in str(refused.value)
        assert refused.value.__context__ is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_text_and_many_items_are_refused(kind: str) -> None:
    too_large = b" " * (MAX_PAYLOAD_BYTES + 1)
    too_many = b'{"id":1,"note":null,"lines":[' + b",".join([b"0"] * (MAX_ITEMS + 1)) + b"]}"
    record = a_record_of(("id", "long"), ("lines", {"type": "array", "items": "int"}), ("note", ["null", "string"]))

    with pytest.raises(UndecodableError, match=f"larger than {MAX_PAYLOAD_BYTES} bytes"):
        read_json_as(kind, record, STRICT, too_large)
    with pytest.raises(UndecodableError, match=f"^lines: more than {MAX_ITEMS} items at byte 28"):
        read_json_as(kind, record, STRICT, too_many)


@pytest.mark.parametrize("kind", KINDS)
def test_a_datum_of_many_defaults_is_refused(kind: str) -> None:
    item = a_record("Item", ("text", "string", {"default": "x" * 1_000}))
    record = a_record_of(("items", {"type": "array", "items": item}))

    with pytest.raises(UndecodableError, match=f"^items: more than {MAX_PAYLOAD_BYTES} bytes as Avro at byte 9"):
        read_json_as(kind, record, STRICT, b'{"items":[' + b",".join([b"{}"] * 20_000) + b"]}")


@pytest.mark.parametrize("text", ['{"x":1}', "{}", '{"id":"1"}', '{"id":1,"lines":null}', '{"id":null}'])
def test_no_remedy_names_a_setting_where_there_are_none(text: str) -> None:
    with pytest.raises(UndecodableError) as refused:
        read_json_as("fallback", ORDER, AVRO_JSON, text)

    assert refused.value.remedy
    assert not any(setting in refused.value.remedy for setting in ("set ", "setting", '"'))
