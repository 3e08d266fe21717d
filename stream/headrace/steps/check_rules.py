"""Rules of a contract on the values of its rows: which rows break one, and how many are written all the same.

Rules see rows as they are written: masked, with derived columns, after the filter and the function. Each rule runs
once for a micro-batch. Where its expression is null, a rule is kept, as a CHECK constraint in SQL is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from headrace.bigquery.event_table import row_schema
from headrace.core.dead_letter import Reason, Refusal
from headrace.schemas.faults import Faults
from headrace.schemas.registry import Contract
from headrace.schemas.value_rules import Otherwise, ValueRule
from headrace.steps.contract_expressions import Step, condition, left_by, placed, run_each


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """Refusals by the index of the row, and by rule the number of rows that break it and are written."""

    refusals: list[Refusal] = field(repr=False)
    warnings: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Condition:
    rule: ValueRule
    run: Step

    def breaches(self, rows: pa.RecordBatch) -> list[Refusal]:
        """Return the rows that break the rule, and those on which its expression fails."""
        marks, failed = run_each(self.run, rows, f"rule {self.rule.name}")
        if marks is None:
            return failed
        broken = pc.indices_nonzero(pc.invert(marks.column(0))).to_pylist()
        if not broken:
            return failed
        places = left_by(range(rows.num_rows), failed)
        return failed + [Refusal(places[index], Reason.RULE_BROKEN, breach_of(self.rule.name)) for index in broken]


class RuleChecker:
    """Checks rows against the rules of one contract, compiled once."""

    def __init__(self, contract: Contract) -> None:
        """Compile the rules; raises ContractError, with all faults, if one cannot be run on the columns."""
        conditions = _compiled(contract)
        self._refusing = [each for each in conditions if each.rule.otherwise is Otherwise.DEAD_LETTER]
        self._warning = [each for each in conditions if each.rule.otherwise is Otherwise.WARN]

    def check(self, rows: pa.RecordBatch) -> RuleOutcome:
        """Check all rows. The first rule that a row breaks refuses it, and later rules do not see it.

        A row on which an expression fails is refused too, unless the rule only warns: then it counts as broken.
        """
        refusals: list[Refusal] = []
        places: Sequence[int] = range(rows.num_rows)
        for each in self._refusing:
            found = each.breaches(rows)
            if found:
                refusals += [Refusal(places[one.index], one.reason, one.detail) for one in found]
                left = left_by(range(rows.num_rows), found)
                places, rows = [places[index] for index in left], rows.take(pa.array(left, pa.int64()))
        counts = {each.rule.name: len(each.breaches(rows)) for each in self._warning} if rows.num_rows else {}
        return RuleOutcome(refusals, {name: count for name, count in counts.items() if count})


def breach_of(rule: str) -> str:
    """Return the detail of a dead letter whose row breaks the rule of that name; it never has a value."""
    return f"rule {rule} is broken"


def _compiled(contract: Contract) -> list[_Condition]:
    faults, columns, found = Faults(), row_schema(contract), []
    for rule in contract.transformations.rules:
        with faults.gathered(), placed(contract, f"rules.{rule.name}.expression"):
            found.append(_Condition(rule, condition(rule.expression, columns, "a rule", if_null=True)))
    faults.raise_all()
    return found
