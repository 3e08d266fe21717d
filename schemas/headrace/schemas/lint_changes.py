"""Rules for contracts of change events: each change has an id, and each row a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from headrace.schemas.classification import Mask
from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.change_events import Before, ChangeRules
from headrace.schemas.message_rules.metadata_columns import CHANGE_COLUMNS
from headrace.schemas.model import Array, Decimal, Enumeration, Field, Fixed, Kind, Map, Optional, Record, Scalar

if TYPE_CHECKING:  # which imports the rules of envelopes
    from headrace.schemas.annotations import TableOptions

_IN_EXACT: Final = frozenset({Kind.FLOAT, Kind.DOUBLE})
_WHOLE_ROW: Final = (
    'make it optional; or let deletions hold the row (PostgreSQL: REPLICA IDENTITY FULL), and write "before": "row"'
)


def is_exact(field: Field) -> bool:
    """Return whether a field has one exact value that is never null."""
    exact = isinstance(field.type, Scalar | Enumeration | Decimal | Fixed)
    return exact and not (isinstance(field.type, Scalar) and field.type.kind in _IN_EXACT)


def lint_changes(record: Record, options: TableOptions, has_filter: bool, where: str) -> Iterator[ContractError]:
    """Yield an error for each fault of a contract of change events; *where* is its ``headrace`` annotation.

    *has_filter* is whether the contract filters events with ``where``.
    """
    rules = options.envelope.changes
    if rules is None:
        return
    fields = {field.name: field for field in record.fields}
    for column in CHANGE_COLUMNS:
        if any(each.column.lower() == column.field.name for each in record.fields):
            yield ContractError(
                f"{where}.envelope", f"a field is named {column.field.name}, as a column of change events", "rename it"
            )
    if options.identity:
        yield ContractError(
            f"{where}.identity", "an identity of rows, and each change of a row is an event of its own", "remove it"
        )
    if has_filter:
        yield ContractError(
            f"{where}.where", "a filter, which may leave out a row's latest change", "remove it, and filter in a view"
        )
    for name in rules.key:
        yield from _check_key(
            fields.get(name), derives=options.envelope.id is None, where=f"{where}.envelope.key.{name}"
        )
    yield from _check_before(fields, rules, where)


def _check_key(field: Field | None, derives: bool, where: str) -> Iterator[ContractError]:
    if field is None:
        yield ContractError(where, "no such field", "name fields of this record")
        return
    if not is_exact(field):
        yield ContractError(where, "not one exact value that is never null", "choose such fields")
    if field.mask is not None and derives:
        yield ContractError(
            where,
            "personal, and the id is derived from the key, and never masked",
            'write "id": "message_id", by which a change that the connector sends twice is two rows',
        )
    if field.mask is not None and field.mask.mask is not Mask.TOKENISE:
        yield ContractError(where, f"{field.mask.mask}, so that rows cannot be told apart", "use the mask tokenise")


def _check_before(fields: Mapping[str, Field], rules: ChangeRules, where: str) -> Iterator[ContractError]:
    if rules.before is Before.ROW:
        return
    for name, field in fields.items():
        if name not in rules.key and not isinstance(field.type, Optional | Array | Map):
            why = f"{name} is never null, and deletions hold the key alone"
            yield ContractError(f"{where}.envelope.before", why, _WHOLE_ROW)
