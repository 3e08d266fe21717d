"""Check masks: the stored value is masked, and the clear value occurs nowhere in the row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, assert_never

from headrace.core.resource_names import FIRST_KEY_VERSION
from headrace.dev.contract_tests.check_rows import Failure
from headrace.dev.contract_tests.memory_table import StoredRow
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import Envelope
from headrace.schemas.model import Field, Mask, walk
from headrace.schemas.registry import Registry
from headrace.schemas.to_json import fields_to_json
from headrace.steps.mask.partial_masks import HIDDEN
from headrace.steps.mask.tokens import TOKEN_DIGITS, token_prefix

_TOKEN: Final = re.compile(rf"{token_prefix(FIRST_KEY_VERSION)}[0-9a-f]{{{TOKEN_DIGITS}}}")
_SHORTEST: Final = 4  # characters of a clear value that is looked for within texts; a shorter one is a whole value


def mask_failures(
    registry: Registry, subject: str, masks: Mapping[str, Mask], stored: Sequence[StoredRow]
) -> Iterator[Failure]:
    """Yield the *masks*, by field, that the contract does not have or the rows do not show."""
    fields = dict(walk(registry.latest(subject).record))
    events = [_clear_event(registry, subject, row) for row in stored] if masks else []
    for path, mask in masks.items():
        declared = _declared(fields[path])
        if declared is not mask:
            yield Failure(f"masks.{path}", mask.value, declared.value if declared else "no mask")
        elif not any(_texts(_at(event, path)) for event in events):
            yield Failure(f"masks.{path}", "a value in an event that becomes a row", "no value, so nothing is masked")
        else:
            for place, (row, event) in enumerate(zip(stored, events, strict=True)):
                yield from _row_failures(path, mask, row.values, event, f"rows[{place}]")


def _declared(field: Field) -> Mask | None:
    return field.mask.mask if field.mask else None


def _clear_event(registry: Registry, subject: str, row: StoredRow) -> dict[str, Any]:
    """Return the event of *row* in JSON, as the newest contract reads it."""
    writer = registry[Envelope.from_attributes(row.message.attributes).schema].record
    reader = registry.latest(subject).record
    return fields_to_json(reader, compile_decoder(writer, reader)(row.message.data))


def _row_failures(
    path: str, mask: Mask, row: Mapping[str, Any], event: Mapping[str, Any], where: str
) -> Iterator[Failure]:
    if not all(_is_masked(mask, value) for value in _at(row, path)):
        yield Failure(f"{where}.{path}", f"a value with the mask {mask}", "another one (not shown)")
    clear = {text for _, text in _texts(_at(event, path))}
    for column, value in row.items():
        if mask is Mask.GENERALISE and path.split(".")[0] == column:
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


def _at(row: Mapping[str, Any], path: str) -> list[Any]:
    """Return the values at a dotted path, in every item of arrays and every value of maps on the way."""
    values: list[Any] = [row]
    for name in path.split("."):
        values = [each[name] for each in _records(values, name)]
    return values


def _records(values: Sequence[Any], name: str) -> Iterator[Mapping[str, Any]]:
    for value in values:
        if isinstance(value, list):
            yield from _records(value, name)
        elif isinstance(value, Mapping) and name in value:
            yield value
        elif isinstance(value, Mapping):
            yield from _records(list(value.values()), name)


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
