"""The two ways to read an event from JSON, by name: compiled, and by the pure-Python fallback."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.json_encoding.compile_json import compile_json, compiled_json_module
from headrace.schemas.json_encoding.make_plan import as_json_has_it, plan
from headrace.schemas.json_encoding.parse_rules import parse_json_rules
from headrace.schemas.json_encoding.rules import JsonRules
from headrace.schemas.json_encoding.transcode import compile_fallback
from headrace.schemas.model import Record
from headrace.schemas.parse import parse_record
from headrace.schemas.to_json import fields_to_json
from tests.support.builders import a_field

NEEDS_JSON_C = pytest.mark.skipif(compiled_json_module() is None, reason="no C compiler when headrace was built")
KINDS = [pytest.param("compiled", marks=NEEDS_JSON_C), "fallback"]


def transcoder(kind: str, record: Record, rules: JsonRules) -> Callable[[bytes], bytes]:
    """What reads an event of *record*, in one of the two ways."""
    return compile_json(record, rules) if kind == "compiled" else compile_fallback(plan(record, rules))


def a_record_of(*fields: Any) -> Record:
    """A record of *fields*; its payloads have no header."""
    avro = {"type": "record", "name": "Thing", "namespace": "shop", "fields": [a_field(field) for field in fields]}
    return replace(parse_record(avro, "thing").record, datum=True)


def rules_of(**settings: Any) -> JsonRules:
    """Rules of the strict convention, or of ``convention``, and *settings*."""
    return parse_json_rules(settings, "json")


def read_json_as(kind: str, record: Record, rules: JsonRules, text: str | bytes) -> dict[str, Any]:
    """The event in *text*, as ``to_json`` writes it."""
    data = text if isinstance(text, bytes) else text.encode()
    datum = transcoder(kind, record, rules)(data)
    return fields_to_json(record, compile_decoder(as_json_has_it(record), record)(datum))


def read_value(kind: str, type_: Any, rules: JsonRules, text: str) -> Any:
    """The value of one field of *type_* that *text* holds, as ``to_json`` writes it."""
    return read_json_as(kind, a_record_of(("value", type_)), rules, f'{{"value":{text}}}')["value"]


def json_of(fields: Mapping[str, Any]) -> bytes:
    """*fields* as compact JSON."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
