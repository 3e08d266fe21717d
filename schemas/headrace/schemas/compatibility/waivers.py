"""Waivers: rules that a version of a contract breaks on purpose, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from headrace.schemas.checked_values import mapping_of, member, refuse_unknown, text_in
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.errors import ContractError

_FORM: Final = 'write {"rule": "FIELD_REMOVED", "field": "customer.phone", "reason": "nobody reads it since March"}'
_ANNOTATION: Final = "headrace."


class Waiver(NamedTuple):
    """One rule that does not count for one place; without *field*, for the contract as a whole."""

    rule: Rule
    field: str
    reason: str

    def names(self, found: Break) -> bool:
        """Return whether this is about *found*.

        A place in the annotation is of the contract as a whole, and may be named too.
        """
        whole = [""] if found.where.startswith(_ANNOTATION) else []
        return self.rule is found.rule and self.field in (*whole, found.where)


def reason_of(waivers: Iterable[Waiver], found: Break) -> str:
    """Return the reason for which *found* is waived; empty if it is not."""
    return next((each.reason for each in waivers if each.names(found)), "")


def parse_waivers(annotation: Mapping[str, Any], where: str) -> tuple[Waiver, ...]:
    """Read the annotation ``waivers``; raises ContractError if it is invalid."""
    listed = annotation.get("waivers", [])
    if not isinstance(listed, list):
        raise ContractError(f"{where}.waivers", "not a list", f"write a list, and in it: {_FORM}")
    return tuple(_waiver(each, f"{where}.waivers[{number}]") for number, each in enumerate(listed))


def _waiver(value: object, where: str) -> Waiver:
    given = mapping_of(value, where, _FORM)
    refuse_unknown(given, {"rule", "field", "reason"}, where)
    rule = member(Rule, given.get("rule"), f"{where}.rule")
    if not rule.is_waivable:
        raise ContractError(
            f"{where}.rule", "a rule that cannot be waived", "remove the waiver, and correct the contract"
        )
    field = given.get("field", "")
    if not isinstance(field, str):
        raise ContractError(f"{where}.field", "not a text", _FORM)
    return Waiver(rule, field, text_in(given, "reason", where, _FORM))
