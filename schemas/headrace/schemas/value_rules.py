"""Rules on values that a contract declares: conditions that each row of its table keeps.

This module checks only the form. ``headrace.sql`` checks the meaning of expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from headrace.schemas.checked_values import member
from headrace.schemas.faults import Faults
from headrace.schemas.transformation_parts import expression_in, name_in, refuse_other_keys

MAX_RULES: Final = 50
MAX_RULE_NAME: Final = 64  # characters; the name is a label of a metric
_KEYS: Final = ("name", "expression", "else")


class Otherwise(StrEnum):
    """The outcome of an event whose row breaks a rule: a dead letter, or a row that is counted."""

    DEAD_LETTER = "dead_letter"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class ValueRule:
    """A condition on each row. A row for which it is false breaks the rule; true and null keep it, as in a CHECK."""

    name: str
    expression: str
    otherwise: Otherwise


def parse_rule(given: Mapping[str, Any], where: str) -> ValueRule:
    """Read one rule; raises ContractError, with all faults, if it is invalid."""
    faults = Faults()
    with faults.gathered():
        refuse_other_keys(given, _KEYS, where)
    rule = ValueRule(
        faults.read(lambda: name_in(given.get("name"), f"{where}.name", MAX_RULE_NAME), ""),
        faults.read(lambda: expression_in(given.get("expression"), f"{where}.expression"), ""),
        faults.read(lambda: member(Otherwise, given.get("else"), f"{where}.else"), Otherwise.WARN),
    )
    faults.raise_all()
    return rule
