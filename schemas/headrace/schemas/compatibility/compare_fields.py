"""Comparison of fields beyond Avro's rules: what their columns, their defaults and other programs lose."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from headrace.schemas.classification import Mask
from headrace.schemas.compatibility.matched_fields import matched, matched_records
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.defaults import encode_value
from headrace.schemas.model import MISSING, Field, Record, is_stored

_RETIRED: Final = "keep it, or say in a waiver why nobody reads its column any longer"


def compare_fields(old: Record, new: Record, broken: Collection[str]) -> Iterator[Break]:
    """Yield fields that are gone, defaults that changed, and records of another name; *broken* paths have no default.

    *broken* are the paths of fields whose new type cannot read the older one.
    """
    for before, after, _, path in matched_records(old, new):
        yield from _removed(before, after, path)
        for one, other in matched(before, after):
            if f"{path}{other.name}" not in broken and not _is_same_default(one, other):
                why = "its default is another one, so events without a value change their meaning"
                yield Break(Rule.DEFAULT_CHANGED, f"{path}{other.name}", why, "keep the default")
        if _name(before, old) != _name(after, new):
            why = f"the record is called {after.full_name}, and was {before.full_name}"
            remedy = "keep name and namespace: other programs find records by them"
            yield Break(Rule.NAMESPACE_CHANGED, path.removesuffix("."), why, remedy)


def _removed(old: Record, new: Record, path: str) -> Iterator[Break]:
    pairs = matched(old, new)
    kept, known = {id(before) for before, _ in pairs}, {id(after) for _, after in pairs}
    added = [each for each in new.fields if id(each) not in known]
    for field in old.fields:
        is_omitted = field.mask is not None and field.mask.mask is Mask.OMIT
        if id(field) not in kept and is_stored(field.type) and not is_omitted:
            why = "it is gone, so its column is null in rows of new events"
            yield Break(Rule.FIELD_REMOVED, f"{path}{field.name}", why, _remedy(field, added))


def _remedy(gone: Field, added: Sequence[Field]) -> str:
    """Return the remedy for a field that is gone; one that is new and of its type may be the same field."""
    renamed = next((each.name for each in added if each.type == gone.type), None)
    if renamed is None:
        return _RETIRED
    return f'if it is called {renamed} now, write "aliases": ["{gone.name}"] there; else {_RETIRED}'


def _name(record: Record, event: Record) -> tuple[str, str | None]:
    """Return the name of a record, and its namespace unless that is the event's."""
    within = record is not event and record.namespace == event.namespace
    return record.name, None if within else record.namespace


def _is_same_default(old: Field, new: Field) -> bool:
    if old.default is MISSING or new.default is MISSING or old.default == new.default:
        return True
    return bool(_default_as_read(old, new) == _default_as_read(new, new))


def _default_as_read(written: Field, read: Field) -> list[Any]:
    """Return the default of one version of a field as the other one reads it."""
    writer, reader = (
        Record("default", (replace(each, name="value", renamed=None, aliases=()),)) for each in (written, read)
    )
    return compile_decoder(writer, reader)(encode_value(written.type, written.default))
