"""The official JSON Schema of AsyncAPI 3.0, and the part of it that describes Avro."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema

from tests.support.paths import ROOT

_AVRO = "http://asyncapi.com/definitions/3.0.0/avroSchema_v1.json"


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((ROOT / "tests" / "support" / "asyncapi" / "3.0.0.json").read_text())
    return schema


def faults(document: Any) -> list[str]:
    """What is wrong with an AsyncAPI document."""
    return [each.message[:200] for each in jsonschema.Draft7Validator(_schema()).iter_errors(document)]


def is_avro(schema: Any) -> bool:
    """Whether a schema is one by AsyncAPI's description of Avro."""
    return jsonschema.Draft7Validator(_schema()["definitions"][_AVRO]).is_valid(schema)
