"""Expressions of a contract: compiled on the columns that they can use, and run so that a bad row fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema
from headrace.core.dead_letter import Reason, Refusal
from headrace.schemas.errors import ContractError
from headrace.schemas.masked import masked
from headrace.schemas.registry import Contract
from headrace.steps.user_functions import FunctionError

if TYPE_CHECKING:  # sqlglot takes a while to import; a job without expressions does not need it
    from headrace.sql.node import Node

Step: TypeAlias = Callable[[pa.RecordBatch], pa.RecordBatch]
OF_THE_CONTRACT: Final = "an expression of the contract"


def columns_of(contract: Contract) -> pa.Schema:
    """Return the columns that filters and derived columns can use: the masked payload and Headrace's own columns."""
    return pa.schema([*arrow_schema(masked(contract.columns)), *META_SCHEMA])


def compiled(text: str, columns: pa.Schema) -> Node:
    """Compile an expression; raises ExpressionError, which names the invalid part."""
    from headrace.sql.language import compile_expression

    return compile_expression(text, columns)


def condition(text: str, columns: pa.Schema, what: str, *, if_null: bool) -> Step:
    """Return a function that marks rows: whether the condition is true of them, or *if_null* where it is null.

    Raises:
        ExpressionError: it cannot be run on the columns, or it is no condition; *what* it is, in words.
    """
    from headrace.sql.node import ExpressionError
    from headrace.sql.types import BOOL, NULL, name_of

    node = compiled(text, columns)
    if node.type not in (BOOL, NULL):
        raise ExpressionError(f"{what} takes BOOL, not {name_of(node.type)}", "write a condition, such as size > 0")
    run = node.as_(BOOL).run
    return lambda rows: pa.RecordBatch.from_arrays([pc.fill_null(run(rows), if_null)], ["is_true"])


@contextmanager
def placed(contract: Contract, place: str) -> Iterator[None]:
    """Turn an ExpressionError of the block into a ContractError at *place*, such as ``where``."""
    from headrace.sql.node import ExpressionError

    try:
        yield
    except ExpressionError as error:
        where = f"{contract.ref.short}.headrace.{place}"
        raise ContractError(where, error.why, error.remedy) from error


def run_each(
    step: Step, rows: pa.RecordBatch, what: str = OF_THE_CONTRACT
) -> tuple[pa.RecordBatch | None, list[Refusal]]:
    """Run *step* on all rows, or on smaller and smaller parts; refuse single rows that fail. *what* is for details."""
    results: list[pa.RecordBatch] = []
    refusals: list[Refusal] = []

    def attempt(start: int, count: int) -> None:
        try:
            results.append(step(rows.slice(start, count)))
        except (FunctionError, pa.ArrowException) as error:
            if count == 1:
                refusals.append(Refusal(start, Reason.TRANSFORM_FAILED, _detail(error, what)))
                return
            half = count // 2
            attempt(start, half)
            attempt(start + half, count - half)

    attempt(0, rows.num_rows)
    if len(results) <= 1:
        return (results[0] if results else None), refusals
    return pa.concat_batches(results), refusals


def left_by(places: Sequence[int], refused: Sequence[Refusal]) -> list[int]:
    """Return *places* without those that are refused, by their index."""
    gone = {each.index for each in refused}
    return [place for index, place in enumerate(places) if index not in gone]


def _detail(error: Exception, what: str) -> str:
    """Return the problem without a value: Arrow's messages contain values."""
    if isinstance(error, FunctionError):
        return str(error)
    known = ("divide by zero", "overflow")
    problem = next((each for each in known if each in str(error)), "a value that cannot be converted")
    return f"{what}: {problem}"
