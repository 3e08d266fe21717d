"""Drawn contracts, events and texts: what is written is read, and both transcoders do the same."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import fastavro
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headrace.schemas.compiled_modules import compare_constants
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import CompiledModuleError
from headrace.schemas.json_encoding.compile_json import compile_json, compiled_json_module, json_constants
from headrace.schemas.json_encoding.make_plan import as_json_has_it, plan
from headrace.schemas.json_encoding.rules import AVRO_JSON, STRICT, JsonRules
from headrace.schemas.json_encoding.transcode import compile_fallback
from headrace.schemas.model import NOTHING, Array, Branch, Map, Optional, Record, Type, Union
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.validate import validate
from tests.fuzz.json_texts import any_rules
from tests.support.builders import BOOKING, encode
from tests.support.growth import assert_linear
from tests.support.json_reading import KINDS, NEEDS_JSON_C, a_record_of, json_of, rules_of, transcoder
from tests.support.json_texts import Texts, damaged_text, outcome
from tests.support.strategies import FIXED_PROFILE, contracts, events


def datum_record(record: Record) -> Record:
    return replace(record, datum=True)


def has_empty_key(value: Any) -> bool:
    if isinstance(value, dict):
        return "" in value or any(map(has_empty_key, value.values()))
    return isinstance(value, list) and any(map(has_empty_key, value))


def _tagged(branches: tuple[Branch, ...], value: dict[str, Any]) -> tuple[str, Any]:
    ((name, inside),) = value.items()
    branch = next(each for each in branches if each.name == name)
    return name, complete(branch.type, inside)


def _single(name: str, value: Any) -> Any:
    return (name, value) if name and value is not None else value


def complete(type_: Type, value: Any) -> Any:
    """The value with its fields that have no column, and with the name of each branch, as fastavro wants them."""
    match type_:
        case Record() if type_ == NOTHING:
            return None
        case Record():
            given = value or {}
            return {
                each.name: _single(each.single, complete(each.type, given.get(each.name))) for each in type_.written
            }
        case Optional(item, _, branch):
            return None if value is None else _single(branch, complete(item, value))
        case Union(branches):
            return None if value is None else _tagged(branches, value)
        case Array(items, single):
            return [_single(single, complete(items, each)) for each in value]
        case Map(values, single):
            return {key: _single(single, complete(values, each)) for key, each in value.items()}
        case _:
            return value


@pytest.mark.parametrize("kind", KINDS)
@FIXED_PROFILE
@given(st.data())
def test_an_event_in_json_becomes_the_values_of_its_datum(kind: str, data: st.DataObject) -> None:
    contract = data.draw(contracts(unions=False))
    record = datum_record(contract.record)
    transcode = transcoder(kind, record, STRICT)
    event = validate(record, data.draw(events(record)))
    values = compile_decoder(record, record)(encode(contract, event))

    datum = transcode(json_of(fields_to_json(record, values)))

    assert repr(compile_decoder(as_json_has_it(record), record)(datum)) == repr(values)


@pytest.mark.parametrize("kind", KINDS)
@FIXED_PROFILE
@given(st.data())
def test_avro_json_of_fastavro_is_read(kind: str, data: st.DataObject) -> None:
    contract = data.draw(contracts())
    record = datum_record(contract.record)
    event = validate(record, data.draw(events(record)))
    assume(not has_empty_key(event))  # fastavro cannot write one
    out = io.StringIO()
    fastavro.json_writer(out, fastavro.parse_schema(json.loads(contract.json)), [complete(record, event)])

    datum = transcoder(kind, record, AVRO_JSON)(out.getvalue().encode())

    values = compile_decoder(record, record)(encode(contract, event))
    assert repr(compile_decoder(as_json_has_it(record), record)(datum)) == repr(values)


@NEEDS_JSON_C
@FIXED_PROFILE
@given(st.data(), st.integers(0, 2**32))
def test_both_transcoders_accept_and_refuse_the_same(data: st.DataObject, seed: int) -> None:
    random = Random(seed)
    rules = any_rules(random)
    record = datum_record(data.draw(contracts(unions=rules.tagged)).record)
    root = plan(record, rules)
    compiled, fallback = compile_json(record, rules), compile_fallback(root)
    texts = Texts(random, random.choice([20, 400]))
    for _ in range(5):
        text = texts.of(root).encode()
        for each in (text, *(damaged_text(random, text) for _ in range(5))):
            assert outcome(compiled, each) == outcome(fallback, each)


@NEEDS_JSON_C
@FIXED_PROFILE
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_both_refuse_random_bytes_alike(text: bytes) -> None:
    compiled, fallback = (transcoder(kind, BOOKING.record, STRICT) for kind in ("compiled", "fallback"))
    for each in (text, b'{"' + text, b'{"booking_id":' + text, b'{"labels":{"' + text):
        assert outcome(compiled, each) == outcome(fallback, each)


HOSTILE: dict[str, tuple[JsonRules, str, bytes, bytes, bytes]] = {
    "digits": (STRICT, "long", b'{"value":', b"1", b"}"),
    "digits of a decimal as text": (STRICT, "decimal", b'{"value":"', b"0", b'1"}'),
    "a fraction of a second": (STRICT, "timestamp", b'{"value":"2026-11-20T05:15:00.', b"0", b'Z"}'),
    "an exponent": (STRICT, "double", b'{"value":1e', b"9", b"}"),
    "escapes": (STRICT, "string", b'{"value":"', b"\\u0061", b'"}'),
    "brackets": (rules_of(unknown_keys="ignore"), "string", b'{"x":', b"[", b"}"),
    "brackets beside each other": (rules_of(unknown_keys="ignore"), "string", b'{"x":[', b"[],", b"0]}"),
    "ignored keys": (rules_of(unknown_keys="ignore"), "string", b"{", b'"x":0,', b'"value":""}'),
    "keys of a map": (STRICT, "map", b'{"value":{', b'"":0,', b'"":0}}'),
    "padding": (STRICT, "bytes", b'{"value":"', b"=", b'"}'),
}
TYPES: dict[str, Any] = {
    "long": "long",
    "double": "double",
    "string": "string",
    "bytes": "bytes",
    "decimal": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2},
    "timestamp": {"type": "long", "logicalType": "timestamp-micros"},
    "map": {"type": "map", "values": "int"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_for_a_hostile_text_grows_with_its_length(kind: str, name: str) -> None:
    rules, type_, before, repeated, after = HOSTILE[name]
    transcode = transcoder(kind, a_record_of(("value", TYPES[type_])), rules)

    def work_on(count: int) -> Callable[[], object]:
        return partial(outcome, transcode, before + repeated * count + after)

    assert_linear(work_on, 1_000_000 // len(repeated))


@pytest.mark.parametrize("kind", KINDS)
def test_unordered_keys_of_a_wide_record_are_found_quickly(kind: str) -> None:
    def work_on(count: int) -> Callable[[], object]:
        names = [f"f{index:05d}" for index in range(count)]
        transcode = transcoder(kind, a_record_of(*((name, "int") for name in names)), STRICT)
        return partial(transcode, json.dumps(dict.fromkeys(reversed(names), 1)).encode())

    assert_linear(work_on, 9_000)


@NEEDS_JSON_C
def test_a_module_of_other_sources_is_refused() -> None:
    module = compiled_json_module()
    assert module is not None
    assert json_constants() == module.CONSTANTS

    changed = json_constants() | {"limits": {"MAX_TEXT": 1}}
    with pytest.raises(CompiledModuleError, match=r"_json: .*differs in limits \(MAX_ITEMS, MAX_LEVELS, MAX_NUMBER, "):
        compare_constants(module, changed)


@NEEDS_JSON_C
def test_a_plan_that_leads_out_of_its_tables_is_refused() -> None:
    module: Any = compiled_json_module()

    for tables in ((b"", b"", b"", b""), (b"\xff" * 80, b"", b"", b""), (bytes(80), b"\0" * 8, b"", b"")):
        with pytest.raises(ValueError, match="invalid plan"):
            module.Transcoder(*tables, (1, 2))
