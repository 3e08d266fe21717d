"""Transformations of a contract's rows: a filter, derived columns, a user's function, and rules on the result.

They see only masked rows. Otherwise a filter on personal values would reveal them by the missing rows, a derived column
would copy them, and a function, which is other people's code, would read them. The result depends only on the rows, so
both engines have the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import pyarrow as pa

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema, row_schema
from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults
from headrace.schemas.masked import masked
from headrace.schemas.message_rules.event_time import event_field
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.transformations import Derived
from headrace.steps.check_rules import RuleChecker
from headrace.steps.contract_expressions import Step, columns_of, compiled, condition, left_by, placed, run_each
from headrace.steps.user_functions import Function, checked, load_function

STAGE: Final = "transform"


@dataclass(frozen=True, slots=True)
class Transformed:
    """Result for a batch: rows to write, rows that the filter dropped, and refusals by index in the original batch.

    *warnings* counts, by rule, the rows to write that break a rule.
    """

    batch: MicroBatch | None
    dropped: MicroBatch | None
    refusals: list[Refusal] = field(repr=False)
    warnings: Mapping[str, int] = field(default_factory=dict)


class Transformer:
    """Transformer of one contract's rows, compiled once."""

    def __init__(self, contract: Contract, function: Function | None = None) -> None:
        """Compile the contract; *function* is the function that it names."""
        wanted = contract.transformations
        self._schema = row_schema(contract)
        self._payload = len(masked(contract.columns).fields)
        self._kept = None if wanted.where is None else _filter(contract)
        self._rules = RuleChecker(contract) if wanted.rules else None
        self._derived = [_column(contract, derived) for derived in wanted.derived]
        of_time = event_field(contract.options.event_time)
        named = (*([of_time] if of_time else []), *contract.options.identity)
        guarded = (*map(contract.column, named), *META_SCHEMA.names)
        self._function = None if function is None else checked(function, str(wanted.function), guarded)

    @classmethod
    def of(cls, contract: Contract) -> Transformer | None:
        """Return the transformer of a contract; None if it has no transformations.

        Raises:
            ContractError: an expression cannot be run on the columns, or the function is not installed.
        """
        wanted = contract.transformations
        if not wanted.in_the_job:
            return None
        place = f"{contract.ref.short}.headrace.function"
        return cls(contract, None if wanted.function is None else load_function(wanted.function, place))

    def transform(self, batch: MicroBatch) -> Transformed:
        """Filter, derive, call the function and check the rules; a row that fails is refused alone."""
        places, dropped, refusals = self._sift(batch)
        if not places:
            return Transformed(None, dropped, refusals)
        rows, failed = run_each(self._shape, batch.take(places).rows)
        refusals += _at(places, failed)
        places = left_by(places, failed)
        warnings: Mapping[str, int] = {}
        if rows is not None and self._rules is not None:
            outcome = self._rules.check(rows)
            refusals += _at(places, outcome.refusals)
            rows = _without(rows, outcome.refusals)
            places, warnings = left_by(places, outcome.refusals), outcome.warnings
        if rows is None or not places:
            return Transformed(None, dropped, refusals)
        return Transformed(replace(batch.take(places), rows=rows), dropped, refusals, warnings)

    def _sift(self, batch: MicroBatch) -> tuple[list[int], MicroBatch | None, list[Refusal]]:
        """Return the places of the rows that the filter keeps, the rows that it drops, and those on which it fails."""
        places = list(range(len(batch)))
        if self._kept is None:
            return places, None, []
        marks, refusals = run_each(self._kept, batch.rows)
        tried = left_by(places, refusals)
        kept = [] if marks is None else marks.column(0).to_pylist()
        lost = [place for place, keep in zip(tried, kept, strict=True) if not keep]
        chosen = [place for place, keep in zip(tried, kept, strict=True) if keep]
        return chosen, batch.take(lost) if lost else None, refusals

    def _shape(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows with all columns of the table, filled."""
        columns = rows.columns
        derived = [make(rows) for make in self._derived]
        shaped = pa.RecordBatch.from_arrays(
            [*columns[: self._payload], *derived, *columns[self._payload :]], schema=self._schema
        )
        return shaped if self._function is None else self._function(shaped)


def find_functions(registry: Registry) -> None:
    """Find every function of the contracts before anything is opened; raises ContractError if one is not installed."""
    for error in missing_functions(registry).values():
        raise error


def missing_functions(registry: Registry) -> dict[str, ContractError]:
    """Return, by subject, why its function cannot be found; :func:`find_functions` raises the first of these errors."""
    faults = {}
    for subject in registry.subjects:
        try:
            Transformer.of(registry.latest(subject))
        except ContractError as error:
            faults[subject] = error
    return faults


def check_transformations(contract: Contract) -> None:
    """Check every expression of a contract against its columns; raises ContractError, with all that are invalid.

    The contract's function need not be installed: only the machines that run the job have it.
    """
    wanted, faults = contract.transformations, Faults()
    with faults.gathered():
        if wanted.where is not None:
            _filter(contract)
    for derived in wanted.derived:
        with faults.gathered():
            _column(contract, derived)
    with faults.gathered():
        RuleChecker(contract)
    with faults.gathered():
        if wanted.rollups:
            from headrace.bigquery.rollup_views import check_rollups

            check_rollups(contract)
    faults.raise_all()


def _filter(contract: Contract) -> Step:
    """Return a function that marks the rows to keep: those for which the condition is true, as in SQL."""
    with placed(contract, "where"):
        return condition(str(contract.transformations.where), columns_of(contract), "where", if_null=False)


def _column(contract: Contract, derived: Derived) -> Callable[[pa.RecordBatch], pa.Array]:
    type_ = arrow_schema(contract.written).field(derived.field.name).type
    if derived.expression is None:
        return lambda rows: pa.nulls(rows.num_rows, type_)
    from headrace.sql.node import ExpressionError
    from headrace.sql.types import cast, may_become, name_of

    with placed(contract, f"derived.{derived.field.name}.expression"):
        node = compiled(derived.expression, columns_of(contract))
        if not may_become(node.type, type_):
            raise ExpressionError(
                f"it returns {name_of(node.type)}, but its column takes {type_}", "CAST it, or declare another type"
            )
    return lambda rows: cast(node.run(rows), type_)


def _at(places: Sequence[int], refusals: Sequence[Refusal]) -> list[Refusal]:
    """Return *refusals* of the rows at *places* by their places."""
    return [replace(each, index=places[each.index]) for each in refusals]


def _without(rows: pa.RecordBatch, refused: Sequence[Refusal]) -> pa.RecordBatch:
    if not refused:
        return rows
    return rows.take(pa.array(left_by(range(rows.num_rows), refused), pa.int64()))
