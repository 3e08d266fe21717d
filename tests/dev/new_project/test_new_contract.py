"""A contract of the user's own words: what follows from a few words, and what a wrong word is answered with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.dev.new_project.field_option import EXAMPLES, parse_field
from headrace.dev.new_project.new_contract import ContractWords, NewContract, new_contract
from headrace.dev.new_project.project_errors import ProjectOptionError
from headrace.schemas.classification import Mask


def a_contract(*fields: str, subject: str = "order_placed", **more: Any) -> NewContract:
    return new_contract(ContractWords(subject, [parse_field(each) for each in fields or EXAMPLES], **more))


def avro(new: NewContract) -> Any:
    return json.loads(new.text)


def test_a_few_words_are_a_whole_contract() -> None:
    assert a_contract(doc="An order was placed.", owner="the checkout team").text == (
        "{\n"
        '  "type": "record",\n'
        '  "name": "OrderPlaced",\n'
        '  "doc": "An order was placed. Owner: the checkout team.",\n'
        '  "headrace": {\n'
        '    "table": "order_placed",\n'
        '    "event_time": "occurred_at",\n'
        '    "late_after": "30d",\n'
        '    "ahead_at_most": "10m",\n'
        '    "identity": ["order_id"]\n'
        "  },\n"
        '  "fields": [\n'
        '    {"name": "order_id", "type": "string", "pii": "none"},\n'
        '    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}, '
        '"pii": "none"},\n'
        '    {"name": "email", "type": "string", "pii": {"kind": "email", "mask": "tokenise"}},\n'
        '    {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-micros"}, "pii": "none"}\n'
        "  ]\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("field", "mask"),
    [
        ("a:string:masked", Mask.TOKENISE),
        ("a:uuid:masked", Mask.TOKENISE),
        ("a:long?:masked", Mask.TOKENISE),
        ("a:bytes:masked", Mask.TOKENISE),
        ("a:date:masked", Mask.GENERALISE),
        ("a:timestamp:masked", Mask.GENERALISE),
        ("a:boolean:masked", Mask.REDACT),
        ("a:decimal(5):masked", Mask.REDACT),
        ("a:time:masked", Mask.REDACT),
        ("a:string:omit", Mask.OMIT),
        ("a:string:partial", Mask.PARTIAL),
        ("a:string:generalise", Mask.GENERALISE),
        ("a:int:generalise", Mask.GENERALISE),
        ("a:int:none", None),
        ("a:int", None),
    ],
)
def test_a_mask_fits_the_type(field: str, mask: Mask | None) -> None:
    new = a_contract(field)
    found = new.contract.record.fields[0].mask
    assert (found.mask if found else None) is mask
    assert new.makes_tokens == (mask is Mask.TOKENISE)


def test_a_kind_of_personal_data_can_have_its_own_name() -> None:
    assert avro(a_contract("contact:string:masked:email"))["fields"][0]["pii"]["kind"] == "email"


@pytest.mark.parametrize(
    ("fields", "more", "event_time", "names"),
    [
        (("a:int",), {}, "occurred_at", ["a", "occurred_at"]),
        (("a:int", "at:timestamp"), {}, "at", ["a", "at"]),
        (("a:int", "at:timestamp?"), {}, "occurred_at", ["a", "at", "occurred_at"]),
        (("a:int", "at:timestamp:masked"), {}, "occurred_at", ["a", "at", "occurred_at"]),
        (("at:timestamp", "b:timestamp"), {"event_time": "b"}, "b", ["at", "b"]),
        (("at:timestamp",), {"event_time": "placed_at"}, "placed_at", ["at", "placed_at"]),
    ],
)
def test_the_event_time_is_a_field_that_is_there_or_is_added(
    fields: tuple[str, ...], more: dict[str, str], event_time: str, names: list[str]
) -> None:
    new = a_contract(*fields, **more)
    assert new.event_time == event_time
    assert [each.name for each in new.contract.record.fields] == names


@pytest.mark.parametrize(
    ("fields", "more", "identity"),
    [
        (("order_id:string", "item_id:uuid"), {}, ("order_id",)),
        (("id:long",), {}, ("id",)),
        (("order_id:string:masked", "ID:uuid"), {}, ("ID",)),
        (("order_id:string?",), {}, ()),
        (("paid:boolean",), {}, ()),
        (("order_id:string", "line:int"), {"identity": ["order_id", "line"]}, ("order_id", "line")),
    ],
)
def test_the_identity_is_the_first_id_unless_it_is_named(
    fields: tuple[str, ...], more: dict[str, Any], identity: tuple[str, ...]
) -> None:
    assert a_contract(*fields, **more).contract.options.identity == identity


def test_events_that_could_be_read_in_two_ways_are_declared() -> None:
    assert avro(a_contract("value:double"))["headrace"]["encoding"] == "datum"
    assert "encoding" not in avro(a_contract())["headrace"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"subject": "Order Placed"}, "--subject Order Placed: not the name of a subject; use 3 to 100 lower-case letters"),
    ({"subject": "ab"}, "--subject ab: not the name of a subject; use 3 to 100"),
    ({"fields": ["a"]}, "--field a: not a field; write name:type, "),
    ({"fields": ["a:"]}, "--field a:: not a field; write name:type, "),
    ({"fields": ["a:b:c:d:e"]}, "--field a:b:c:d:e: not a field; write name:type, "),
    ({"fields": ["a:str"]}, "--field a:str: no such type; did you mean string?"),
    ({"fields": ["a:strnig"]}, "--field a:strnig: no such type; did you mean string?"),
    ({"fields": ["a:xyz"]}, "--field a:xyz: no such type; use one of string, boolean, "),
    ({"fields": ["a:decimal"]}, "--field a:decimal: a decimal without its digits; "),
    ({"fields": ["a:decimal(99,2)"]}, "--field a:decimal(99,2): a decimal that BIGNUMERIC cannot hold; "),
    ({"fields": ["a:string:maskd"]}, "--field a:string:maskd: no such mask; did you mean masked?"),
    ({"fields": ["a:boolean:tokenise"]}, "--field a:boolean:tokenise: tokenise does not fit its type; use one of"),
    ({"fields": ["a:string:masked:E-Mail"]}, "--field a:string:masked:E-Mail: invalid name; use at most 128"),
    ({"fields": ["naïve:string"]}, "--field naïve:string: invalid name 'naïve'; use at most 128 letters, digits"),
    ({"fields": ["1a:string"]}, "--field 1a:string: invalid name '1a'; use at most 128 letters, digits"),
    ({"fields": ["_a:string"]}, "--field _a:string: begins with _, "),
    ({"fields": ["a:string", "A:int"]}, "--field A:int: named twice; rename one"),
    ({"fields": ["a:string"], "table": "Orders"}, "--table: invalid name; use at most 128 lower-case letters"),
    ({"fields": ["a:string"], "table": "headrace_x"}, "--table: begins with headrace_, "),
    ({"fields": ["a:string"], "event_time": "a"}, "--event-time: not a timestamp that is never null; "),
    ({"fields": ["a:string"], "identity": ["b"]}, "--identity: no such field; name fields of this record"),
    ({"fields": ["a:string:masked"], "identity": ["a"]}, "--identity: personal, and ids are never masked; "),
]


@pytest.mark.parametrize(("words", "expected"), WRONG, ids=[str(words) for words, _ in WRONG])
def test_a_wrong_word_is_answered_with_its_option_and_the_rule(words: dict[str, Any], expected: str) -> None:
    with pytest.raises(ProjectOptionError) as refused:
        a_contract(*words.pop("fields", EXAMPLES), **words)
    assert str(refused.value).startswith(expected)
