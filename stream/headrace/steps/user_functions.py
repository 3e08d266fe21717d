"""User's function on record batches: found by its name, and checked after each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Final, TypeAlias

import pyarrow as pa

from headrace.errors import Exit, HeadraceError
from headrace.schemas.errors import ContractError

GROUP: Final = "headrace.transforms"
Function: TypeAlias = Callable[[pa.RecordBatch], pa.RecordBatch]


class FunctionError(HeadraceError, error_code="HR-111", exit_code=Exit.BUG):
    """A user's function raised an error, or returned an invalid value.

    The text gives the problem, and no value of a row.
    """


def load_function(name: str, where: str) -> Function:
    """Find the entry point *name* of the group ``headrace.transforms``.

    Raises:
        ContractError: no or several entry points have that name, or it cannot be imported or called.
    """
    found = list(entry_points(group=GROUP, name=name))
    if len(found) != 1:
        installed = ", ".join(sorted({each.name for each in entry_points(group=GROUP)})) or "none"
        raise ContractError(
            where,
            f"{len(found) or 'no'} entry point{'s' if len(found) > 1 else ''} {name} in group {GROUP}",
            f"install the package that has it beside headrace; installed are {installed}",
        )
    try:
        function = found[0].load()
    except Exception as error:  # the import of other people's code may raise any error
        raise ContractError(
            where, f"{found[0].value} cannot be imported ({type(error).__name__})", "correct it"
        ) from error
    if not callable(function):
        raise ContractError(where, f"{found[0].value} is not a function", "name one that takes a pyarrow.RecordBatch")
    return function  # type: ignore[no-any-return]


def checked(function: Function, name: str, guarded: Sequence[str]) -> Function:
    """Return *function* with checks: it must return as many rows, the same columns, and the *guarded* ones unchanged.

    The result raises only FunctionError.
    """

    def call(rows: pa.RecordBatch) -> pa.RecordBatch:
        try:
            given = function(rows)
        except Exception as error:  # other people's code may raise any error for these rows
            raise FunctionError(f"{name} raised {type(error).__name__}") from error
        _check(given, rows, name, guarded)
        return pa.RecordBatch.from_arrays(given.columns, schema=rows.schema)

    return call


def _check(given: object, rows: pa.RecordBatch, name: str, guarded: Sequence[str]) -> None:
    if not isinstance(given, pa.RecordBatch):
        raise FunctionError(f"{name} did not return a pyarrow.RecordBatch")
    if given.num_rows != rows.num_rows:
        raise FunctionError(f"{name} returned another number of rows")
    for index, column in enumerate(rows.schema):
        if index >= given.num_columns or (given.schema.field(index).name, given.column(index).type) != (
            column.name,
            column.type,
        ):
            raise FunctionError(f"{name} did not return column {column.name} with its type in its place")
        if not column.nullable and given.column(index).null_count:
            raise FunctionError(f"{name} returned a null in {column.name}, which is never null")
    if given.num_columns != rows.num_columns:
        raise FunctionError(f"{name} returned additional columns")
    for each in guarded:
        if not given.column(each).equals(rows.column(each)):
            raise FunctionError(f"{name} changed {each}, which a function must not change")
    _validate(given, name)


def _validate(given: pa.RecordBatch, name: str) -> None:
    try:
        given.validate()
    except pa.ArrowInvalid as error:
        raise FunctionError(f"{name} returned an invalid pyarrow.RecordBatch") from error
