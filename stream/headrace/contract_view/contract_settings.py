"""Annotations of a contract, and the way of its rows, as names and values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.contract_view.field_words import type_words
from headrace.schemas.annotations import DEFAULTS
from headrace.schemas.avro_text import read_avro
from headrace.schemas.registry import Contract
from headrace.schemas.transformations import Rollup

# in the order in which they are shown; what is absent means these words
_DEFAULTS: Final = {
    "partition": DEFAULTS["partition"],
    "expire_after_days": "never",
    "require_partition_filter": DEFAULTS["require_partition_filter"],
    "refuse_at_most": DEFAULTS["refuse_at_most"],
    "envelope": "headrace",
    "compatibility": DEFAULTS["compatibility"],
    "evolve": DEFAULTS["evolve"],
}
_SHOWN_ELSEWHERE: Final = {"fields", "where", "derived", "function", "rules", "rollups", "waivers"}


def settings_of(contract: Contract) -> dict[str, str]:
    """Return the annotations by their paths, such as ``envelope.kind``, as the contract spells them, with defaults.

    Annotations of fields, transformations and waivers are left out.
    """
    given = read_avro(contract.json, contract.subject)["headrace"]
    declared = {name: value for name, value in given.items() if name not in _SHOWN_ELSEWHERE}
    found = {"name": contract.record.full_name, "doc": contract.doc, **dict(_flat(_DEFAULTS | declared, ""))}
    return {name: text for name, text in found.items() if text}


def graph_of(contract: Contract) -> dict[str, str]:
    """Return what the contract does to rows on their way: filter, derived columns, function, rules, rollups, views."""
    wanted = contract.transformations
    found = {"where": wanted.where or ""}
    for each in wanted.derived:
        how = "by the function" if each.expression is None else f"= {each.expression}"
        found[f"derived.{each.field.name}"] = f"{type_words(each.field.type)} {how}"
        found[f"derived.{each.field.name}.doc"] = each.field.doc
    found["function"] = wanted.function or ""
    for rule in wanted.rules:
        found |= {f"rules.{rule.name}": rule.expression, f"rules.{rule.name}.else": rule.otherwise}
    for rollup in wanted.rollups:
        found |= _of_rollup(rollup)
    found["latest_view"] = contract.options.latest_view or ""
    return {name: text for name, text in found.items() if text}


def waivers_of(contract: Contract) -> dict[str, str]:
    """Return the reason of each waiver, by its rule and its field."""
    return {f"{each.rule} {each.field}".strip(): each.reason for each in contract.options.waivers}


def _of_rollup(rollup: Rollup) -> Iterator[tuple[str, str]]:
    place = f"rollups.{rollup.name}"
    yield f"{place}.where", rollup.where or ""
    yield from ((f"{place}.by.{name}", text) for name, text in rollup.by)
    yield from ((f"{place}.measures.{name}", text) for name, text in rollup.measures)
    yield f"{place}.doc", rollup.doc


def _flat(given: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
