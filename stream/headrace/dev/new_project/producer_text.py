"""The Python of a new project: the fields of an event, and the imports that they need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from headrace.dev.new_project.field_option import FieldOption
from headrace.dev.new_project.new_contract import NewContract
from headrace.dev.new_project.sample_values import Sample, new_id, sample_of

_MODULES: Final = {"date": "datetime", "time": "datetime", "Decimal": "decimal", "UUID": "uuid", "uuid4": "uuid"}
_HAPPENED: Final = Sample("", "happened", None)


def event_in_python(new: NewContract, indent: str) -> str:
    """Return the lines of the fields, each with *indent*."""
    return "\n".join(f'{indent}"{each.name}": {_sample(new, each).python},' for each in new.fields)


def imports(new: NewContract, always: Iterable[str]) -> str:
    """Return the imports from the standard library, besides the names that are *always* imported from datetime."""
    names = {name for each in new.fields for name in _sample(new, each).names}
    by_module: dict[str, set[str]] = {"datetime": set(always)}
    for name in names:
        by_module.setdefault(_MODULES[name], set()).add(name)
    return "\n".join(f"from {module} import {', '.join(sorted(by_module[module]))}" for module in sorted(by_module))


def _sample(new: NewContract, field: FieldOption) -> Sample:
    if field.name == new.event_time:
        return _HAPPENED
    return new_id(field) if field.name in new.contract.options.identity else sample_of(field)
