"""What a contract has done with its rows: a filter, derived columns, and a function of the user's own.

Masked rows only: a filter on personal values would tell them by what is missing, a derived column would copy them, and
a function is other people's code. All of it depends on nothing but the rows, so both engines do the same.
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
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.transformations import Derived
from headrace.steps.user_functions import Function, FunctionError, checked, load_function

if TYPE_CHECKING:  # sqlglot takes a moment: a job without expressions does not wait for it
    from headrace.sql.node import Node

STAGE: Final = "transform"
_Step = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Transformed:
    """What became of a batch: rows to write, rows the filter dropped, and refusals by index in the batch that came."""

    batch: MicroBatch | None
    dropped: MicroBatch | None
    refusals: list[Refusal] = field(repr=False)


class Transformer:
    """Transforms the rows of one contract; compiled once."""

    def __init__(self, contract: Contract, function: Function | None = None) -> None:
        """*function* is the one that the contract names, found already."""
        wanted = contract.transformations
        self._schema = row_schema(contract)
        self._payload = len(masked(contract.record).fields)
        self._kept = None if wanted.where is None else _filter(contract)
        self._derived = [_column(contract, derived) for derived in wanted.derived]
        guarded = (contract.options.event_time, *contract.options.identity, *META_SCHEMA.names)
        self._function = None if function is None else checked(function, str(wanted.function), guarded)

    @classmethod
    def of(cls, contract: Contract) -> Transformer | None:
        """The transformer of a contract; None when there is nothing to do.

        Raises:
            ContractError: an expression cannot be run on its columns, or its function is not installed.
        """
        wanted = contract.transformations
        if not wanted.in_the_job:
            return None
        place = f"{contract.subject}.v{contract.ref.version}.headrace.function"
        return cls(contract, None if wanted.function is None else load_function(wanted.function, place))

    def transform(self, batch: MicroBatch) -> Transformed:
        """Filter, derive and call; a row that fails is refused, and takes no neighbour down."""
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
        """Rows with all the columns of the table, filled."""
        columns = rows.columns
        derived = [make(rows) for make in self._derived]
        shaped = pa.RecordBatch.from_arrays(
            [*columns[: self._payload], *derived, *columns[self._payload :]], schema=self._schema
        )
        return shaped if self._function is None else self._function(shaped)


def find_functions(registry: Registry) -> None:
    """Find every function that contracts name, before anything is opened; ContractError when one is not installed."""
    for error in missing_functions(registry).values():
        raise error


def missing_functions(registry: Registry) -> dict[str, ContractError]:
    """By subject, why its function cannot be found; the same as :func:`find_functions`, for all subjects."""
    faults = {}
    for subject in registry.subjects:
        try:
            Transformer.of(registry.latest(subject))
        except ContractError as error:
            faults[subject] = error
    return faults


def check_transformations(contract: Contract) -> None:
    """Check every expression of a contract against its columns; ContractError says which is wrong, and why.

    Its function need not be installed: only who runs the job has it.
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
    """What says of each row whether it is kept: only where the condition is true, as in SQL."""
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
                f"it gives {name_of(node.type)}, and its column takes {type_}", "CAST it, or declare another type"
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
    """What expressions of the job see: the masked payload, and our own columns."""
    return pa.schema([*arrow_schema(masked(contract.record)), *META_SCHEMA])


def _try_each(step: _Step, rows: pa.RecordBatch) -> tuple[pa.RecordBatch | None, list[Refusal]]:
    """Run *step* on all rows, or on ever smaller parts of them; what fails alone is refused."""
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
    """What is wrong, without a value: Arrow's messages hold them."""
    if isinstance(error, FunctionError):
        return str(error)
    known = ("divide by zero", "overflow")
    said = next((each for each in known if each in str(error)), "a value that cannot be converted")
    return f"an expression of the contract: {said}"


def _without(places: Sequence[int], failed: Sequence[Refusal]) -> list[int]:
    gone = {each.index for each in failed}
    return [place for index, place in enumerate(places) if index not in gone]
