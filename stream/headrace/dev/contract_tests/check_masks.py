"""Check masks: the stored value is masked, and the clear value occurs nowhere in the row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, Final, TypeAlias, assert_never

from headrace.bigquery.row_json import events_to_json
from headrace.core.resource_names import FIRST_KEY_VERSION
from headrace.dev.contract_tests.check_rows import Failure
from headrace.dev.contract_tests.memory_table import MemoryTable, StoredRow
from headrace.schemas.classification import Mask
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    inner,
)
from headrace.steps.decode.decode_messages import Decoder, decode_all
from headrace.steps.mask.partial_masks import HIDDEN
from headrace.steps.mask.tokens import TOKEN_DIGITS, token_prefix

_TOKEN: Final = re.compile(rf"{token_prefix(FIRST_KEY_VERSION)}[0-9a-f]{{{TOKEN_DIGITS}}}")
Names: TypeAlias = tuple[str, ...]
_SHORTEST: Final = 4  # characters of a clear value that is looked for within texts; a shorter one is a whole value


def mask_failures(table: MemoryTable, masks: Mapping[str, Mask], stored: Sequence[StoredRow]) -> Iterator[Failure]:
    """Yield the *masks*, by field, that the contract does not have or the rows do not show."""
    record = table.registry.latest(table.subject).record
    fields = {path: (field, names, columns) for path, field, names, columns in _walk(record)}
    events = _clear_events(table, record, stored) if masks and stored else []
    for path, mask in masks.items():
        field, names, columns = fields[path]
        declared = _declared(field)
        if declared is not mask:
            yield Failure(f"masks.{path}", mask.value, declared.value if declared else "no mask")
            continue
        clear = [{text for _, text in _texts(_at(record, event, names))} for event in events]
        if not any(clear):
            yield Failure(f"masks.{path}", "a value in an event that becomes a row", "no value, so nothing is masked")
        for place, (row, texts) in enumerate(zip(stored, clear, strict=True)):
            yield from _row_failures(path, columns, mask, table.columns, row.values, texts, f"rows[{place}]")


def _walk(record: Record, names: Names = (), columns: Names = ()) -> Iterator[tuple[str, Field, Names, Names]]:
    """Yield every field with its path, and with the names on it: those of fields, and those of columns."""
    for field in record.fields:
        here, there = (*names, field.name), (*columns, field.column)
        yield ".".join(here), field, here, there
        nested = inner(field.type)
        if isinstance(nested, Record):
            yield from _walk(nested, here, there)


def _declared(field: Field) -> Mask | None:
    return field.mask.mask if field.mask else None


def _clear_events(table: MemoryTable, record: Record, stored: Sequence[StoredRow]) -> list[dict[str, Any]]:
    """Return the event of each row in JSON, as the job reads it before it masks it."""
    decoder = Decoder(table.registry, table.subject)
    parts = [decoded.batch for _, decoded in decode_all([row.message for row in stored], decoder, 0)]
    return [event for batch in parts if batch is not None for event in events_to_json(record, batch.rows)]


def _row_failures(
    path: str,
    names: Sequence[str],
    mask: Mask,
    columns: Record,
    row: Mapping[str, Any],
    clear: Set[str],
    where: str,
) -> Iterator[Failure]:
    """Yield what is wrong with one row; *names* are those of the column, and *path* is that of its field."""
    if not all(_is_masked(mask, value) for value in _at(columns, row, names)):
        yield Failure(f"{where}.{path}", f"a value with the mask {mask}", "another one (not shown)")
    for column, value in row.items():
        if mask is Mask.GENERALISE and column == names[0]:
            continue  # the value may be as coarse as its mask, such as the first of a month
        if any(_holds(leaf, text) for leaf in _texts([value]) for text in clear):
            yield Failure(f"{where}.{column}", f"nothing of {path}", "its clear value (not shown)")


def _is_masked(mask: Mask, value: Any) -> bool:
    """Return whether *value*, which is stored, looks like the result of *mask*."""
    match mask:
        case Mask.OMIT:
            return False  # there is a column
        case Mask.REDACT:
            return value is None or value in ([], {})
        case Mask.TOKENISE:
            return all(_TOKEN.fullmatch(text) for _, text in _texts([value]))
        case Mask.PARTIAL:
            return all(HIDDEN in text or not text for _, text in _texts([value]))
        case Mask.GENERALISE:
            return True  # any value may be the result; a case that gives the row checks it
        case _:
            assert_never(mask)


def _at(type_: Type, value: Any, names: Sequence[str]) -> list[Any]:
    """Return the values of the field at *names*, of every item of arrays and every value of maps on the way."""
    if not names:
        return [value]
    match type_:
        case Optional():
            return [] if value is None else _at(type_.item, value, names)
        case Array():
            return [found for item in value for found in _at(type_.items, item, names)]
        case Union():
            branches = [
                branch for branch in type_.branches if branch.member == names[0] and branch.name in (value or {})
            ]
            return [found for branch in branches for found in _at(branch.type, value[branch.name], names[1:])]
        case Map():
            return [found for item in value.values() for found in _at(type_.values, item, names)]
        case Record():
            fields = [field for field in type_.fields if field.name == names[0]]
            return [found for field in fields for found in _at(field.type, value[field.name], names[1:])]
        case Scalar() | Decimal() | Fixed() | Enumeration() | Recursive():
            return []
        case _:
            assert_never(type_)


def _texts(values: Sequence[Any]) -> list[tuple[bool, str]]:
    """Return the innermost values as text, each with whether it is a text; without nulls and booleans."""
    found: list[tuple[bool, str]] = []
    for value in values:
        if isinstance(value, Mapping):
            found += _texts(list(value.values()))
        elif isinstance(value, list):
            found += _texts(value)
        elif value is not None and not isinstance(value, bool):
            found.append((isinstance(value, str), str(value)))
    return found


def _holds(leaf: tuple[bool, str], clear: str) -> bool:
    """Return whether a stored value is *clear*, or a text that contains it."""
    is_text, text = leaf
    text, clear = text.casefold(), clear.casefold()
    return text == clear or (is_text and len(clear) >= _SHORTEST and clear in text)
