"""The text of a first sidecar, made of suggestions that a person confirms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from headrace.schemas.classification import Pii
from headrace.schemas.suggestions import FieldSuggestion, TimeSuggestion

_PAGE: Final = "https://github.com/headrace/headrace/blob/main/docs/foreign-messages.md"


def sidecar_text(
    table: str, time: TimeSuggestion, fields: Sequence[FieldSuggestion], more: Mapping[str, Any], confirmed: bool
) -> str:
    """Return the sidecar in TOML. Unless *confirmed*, fields that seem not personal are comments.

    A contract with an unclassified field is refused, so each comment needs a decision.
    """
    return "\n".join([*_table(table, time, more), "", *_fields(fields, confirmed), ""])


def _table(table: str, time: TimeSuggestion, more: Mapping[str, Any]) -> Iterator[str]:
    yield "# Annotations of the schema beside this file. Each is explained in"
    yield f"# {_PAGE}"
    yield f"table = {_toml(table)}"
    yield f"event_time = {_toml(time.rule)}  # {time.why}"
    yield 'late_after = "30d"  # an older event becomes a dead letter'
    yield 'ahead_at_most = "10m"  # so does one that is further in the future'
    for name, value in more.items():
        yield f"{name} = {_toml(value)}"


def _fields(fields: Sequence[FieldSuggestion], confirmed: bool) -> Iterator[str]:
    if not confirmed:
        yield "# Check each line, and remove the # where a field is not personal."
    yield "[fields]"
    for each in fields:
        line = f"{_toml(each.path)} = {{pii = {_toml('none' if each.pii is None else _pii(each.pii))}}}"
        if each.pii is not None:
            yield f"{line}  # suggested by {each.why}"
        else:
            yield line if confirmed else f"# {line}"


def _pii(pii: Pii) -> dict[str, Any]:
    found = {
        "kind": pii.kind,
        "mask": str(pii.mask),
        "keep_first": pii.keep_first,
        "keep_last": pii.keep_last,
        "to": None if pii.to is None else str(pii.to),
        "size": pii.size,
    }
    return {name: value for name, value in found.items() if value}


def _toml(value: Any) -> str:
    """Write a text, a whole number, or a list or table of them; JSON's texts are TOML's too."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
