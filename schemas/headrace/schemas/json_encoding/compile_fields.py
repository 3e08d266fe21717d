"""Compiler of the function that reads an event from JSON as the fields that a producer publishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.json_encoding.compile_json import compile_json
from headrace.schemas.json_encoding.rules import JsonRules
from headrace.schemas.model import Record
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.validate import validate

ReadFields: TypeAlias = Callable[[bytes], dict[str, Any]]


def compile_fields(record: Record, rules: JsonRules) -> ReadFields:
    """Return the function that reads one event of *record* from JSON, and checks it as the SDK does.

    The function raises UndecodableError if it refuses the text.

    Raises:
        ContractError: the default of a field is no value of its type.
    """
    transcode = compile_json(record, rules)
    decode = compile_decoder(record, replace(record, datum=True))

    def read(data: bytes) -> dict[str, Any]:
        written = fields_to_json(record, decode(transcode(data)))
        return validate(record, fields_from_json(record, written))

    return read
