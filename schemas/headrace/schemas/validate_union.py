"""Validation of a union's value: ``{"name of the branch": value}``, or the value itself where only one branch fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from headrace.schemas.errors import InvalidEventError
from headrace.schemas.model import Branch, Type, Union
from headrace.schemas.plain import branch_of, entries_of, text_of

_SHOWN: Final = 8  # names of branches in an error


def tagged(type_: Union, value: object, path: str) -> tuple[Branch, Any] | None:
    """Return the branch that *value* names, with the value of that branch; None for a value that names no branch."""
    entries = entries_of(value, path)
    if entries is None:
        name, inside = branch_of(value, path), value
    elif len(entries) == 1:
        ((key, inside),) = entries
        name = text_of(key)
    else:
        return None
    return next(((branch, inside) for branch in type_.branches if branch.name == name), None)


def only_fit(type_: Union, value: object, path: str, fit: Callable[[Type, Any], Any]) -> dict[str, Any]:
    """Return ``{name: value}`` of the one branch that *fit* accepts.

    Raises:
        InvalidEventError: no branch fits, or several do.
    """
    found: dict[str, Any] = {}
    for branch in type_.branches:
        try:
            found[branch.name] = fit(branch.type, value)
        except InvalidEventError:
            continue
    if len(found) == 1:
        return found
    names = ", ".join(branch.name for branch in type_.branches[:_SHOWN])
    why = "fits several branches of its union" if found else "fits no branch of its union"
    raise InvalidEventError(path, why, f'give {{"name of the branch": value}} with one of {names}')
