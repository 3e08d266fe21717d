"""Strict reader of the JSON of a schema."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from headrace.schemas.errors import ContractError


def read_schema(text: str, where: str) -> dict[str, Any]:
    """Read a schema's JSON object.

    Raises:
        ContractError: not JSON, a key twice in one object, nested too deeply, or not an object.
    """
    try:
        avro = json.loads(text, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ContractError(where, f"not JSON ({why})", "correct the file at this place") from error
    if not isinstance(avro, dict):
        raise ContractError(where, "not a record", 'an event is a record: write "type": "record"')
    return avro


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"key {twice[:40]!r} twice in one object")
    return found
