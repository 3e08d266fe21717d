"""Transformations of a contract's rows: a filter, derived columns, and a user's function.

They see only masked rows. Otherwise a filter on personal values would reveal them by the missing rows, a derived column
would copy them, and a function, which is other people's code, would read them. The result depends only on the rows, so
both engines have the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema, row_schema
from headrace.core.dead_letter import Reason, Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.schemas.errors import ContractError
from headrace.schemas.masked import masked
from headrace.schemas.message_rules.event_time import event_field
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.transformations import Derived
from headrace.steps.user_functions import Function, FunctionError, checked, load_function

if TYPE_CHECKING:  # sqlglot takes a while to import; a job without expressions does not need it
    from headrace.sql.node import Node

STAGE: Final = "transform"
_Step = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Transformed:
    """Result for a batch: rows to write, rows that the filter dropped, and refusals by index in the original batch."""

    batch: MicroBatch | None
    dropped: MicroBatch | None
    refusals: list[Refusal] = field(repr=False)


class Transformer:
    """Transformer of one contract's rows, compiled once."""

    def __init__(self, contract: Contract, function: Function | None = None) -> None:
        """Compile the contract; *function* is the function that it names."""
        wanted = contract.transformations
        self._schema = row_schema(contract)
        self._payload = len(masked(contract.columns).fields)
        self._kept = None if wanted.where is None else _filter(contract)
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
        place = f"{contract.subject}.v{contract.ref.version}.headrace.function"
        return cls(contract, None if wanted.function is None else load_function(wanted.function, place))

    def transform(self, batch: MicroBatch) -> Transformed:
        """Filter, derive and call the function; a row that fails is refused, without affecting others."""
        refusals: list[Refusal] = []
        places = list(range(len(batch)))
        dropped: MicroBatch | None = None
        if self._kept is not None:
            marks, failed = _try_each(self._kept, batch.rows)
            refusals += failed
            tried = _without(places, failed)
            kept = [] if marks is None else marks.column(0).to_pylist()
            places = [place for place, keep in zip(tried, kept, strict=True) if keep]
            lost = [place for place, keep in zip(tried, kept, strict=True) if not keep]
            dropped = batch.take(lost) if lost else None
        if not places:
            return Transformed(None, dropped, refusals)
        chosen = batch.take(places)
        rows, failed = _try_each(self._shape, chosen.rows)
        refusals += [replace(each, index=places[each.index]) for each in failed]
        if rows is None:
            return Transformed(None, dropped, refusals)
        good = chosen.take(_without(range(len(chosen)), failed))
        return Transformed(replace(good, rows=rows), dropped, refusals)

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
    """Check every expression of a contract against its columns; raises ContractError for an invalid one.

    The contract's function need not be installed: only the machines that run the job have it.
    """
    wanted = contract.transformations
    if wanted.where is not None:
        _filter(contract)
    for derived in wanted.derived:
        _column(contract, derived)
    if wanted.rollups:
        from headrace.bigquery.rollup_views import check_rollups

        check_rollups(contract)


def _filter(contract: Contract) -> _Step:
    """Return a function that marks the rows to keep: those for which the condition is true, as in SQL."""
    from headrace.sql.node import ExpressionError

    place = f"{contract.subject}.v{contract.ref.version}.headrace.where"
    try:
        node = _compiled(contract, str(contract.transformations.where))
        condition = _boolean(node)
    except ExpressionError as error:
        raise ContractError(place, error.why, error.remedy) from error
    return lambda rows: pa.RecordBatch.from_arrays([pc.fill_null(condition(rows), False)], ["kept"])


def _column(contract: Contract, derived: Derived) -> Callable[[pa.RecordBatch], pa.Array]:
    type_ = arrow_schema(contract.written).field(derived.field.name).type
    if derived.expression is None:
        return lambda rows: pa.nulls(rows.num_rows, type_)
    from headrace.sql.node import ExpressionError
    from headrace.sql.types import cast, may_become, name_of

    place = f"{contract.subject}.v{contract.ref.version}.headrace.derived.{derived.field.name}.expression"
    try:
        node = _compiled(contract, derived.expression)
        if not may_become(node.type, type_):
            raise ExpressionError(
                f"it returns {name_of(node.type)}, but its column takes {type_}", "CAST it, or declare another type"
            )
    except ExpressionError as error:
        raise ContractError(place, error.why, error.remedy) from error
    return lambda rows: cast(node.run(rows), type_)


def _compiled(contract: Contract, text: str) -> Node:
    from headrace.sql.language import compile_expression

    return compile_expression(text, columns_of(contract))


def _boolean(node: Node) -> Callable[[pa.RecordBatch], pa.Array]:
    from headrace.sql.functions import need
    from headrace.sql.types import BOOL

    return need("where", node, BOOL).run


def columns_of(contract: Contract) -> pa.Schema:
    """Return the columns that expressions can use: the masked payload and Headrace's own columns."""
    return pa.schema([*arrow_schema(masked(contract.columns)), *META_SCHEMA])


def _try_each(step: _Step, rows: pa.RecordBatch) -> tuple[pa.RecordBatch | None, list[Refusal]]:
    """Run *step* on all rows, or on smaller and smaller parts; refuse single rows that fail."""
    results: list[pa.RecordBatch] = []
    refusals: list[Refusal] = []

    def attempt(start: int, count: int) -> None:
        try:
            results.append(step(rows.slice(start, count)))
        except (FunctionError, pa.ArrowException) as error:
            if count == 1:
                refusals.append(Refusal(start, Reason.TRANSFORM_FAILED, _detail(error)))
                return
            half = count // 2
            attempt(start, half)
            attempt(start + half, count - half)

    attempt(0, rows.num_rows)
    if len(results) <= 1:
        return (results[0] if results else None), refusals
    return pa.concat_batches(results), refusals


def _detail(error: Exception) -> str:
    """Return the problem without a value: Arrow's messages contain values."""
    if isinstance(error, FunctionError):
        return str(error)
    known = ("divide by zero", "overflow")
    problem = next((each for each in known if each in str(error)), "a value that cannot be converted")
    return f"an expression of the contract: {problem}"


def _without(places: Sequence[int], failed: Sequence[Refusal]) -> list[int]:
    gone = {each.index for each in failed}
    return [place for index, place in enumerate(places) if index not in gone]
