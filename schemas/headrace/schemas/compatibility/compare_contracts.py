"""Comparison of two versions of a contract as a whole: events, personal data, ids, and the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from headrace.schemas.compatibility.compare_fields import compare_fields
from headrace.schemas.compatibility.compare_masks import compare_masks
from headrace.schemas.compatibility.compare_types import Reading
from headrace.schemas.compatibility.matched_fields import renamed_paths
from headrace.schemas.compatibility.rules import Break, Direction, Rule
from headrace.schemas.errors import ContractError
from headrace.schemas.model import Record
from headrace.schemas.resolve import resolve_record

if TYPE_CHECKING:  # the registry imports this package
    from headrace.schemas.registry import Contract


def compare_contracts(old: Contract, new: Contract) -> Iterator[Break]:
    """Yield what the change from *old* to *new*, versions of one subject, breaks.

    A place may come twice: once for readers of events, and once for those of the table.
    """
    backward = list(backward_breaks(old, new))
    yield from backward
    yield from compare_fields(old.record, new.record, {each.where for each in backward})
    yield from Reading(Direction.FORWARD).record(new.record, old.record)
    yield from compare_masks(old.record, new.record)
    yield from _compression(old, new)
    yield from _own_columns(old, new)
    yield from _identity(old, new)
    yield from _table(old, new)


def backward_breaks(old: Contract, new: Contract) -> Iterator[Break]:
    """Yield what keeps readers of *new* from events of *old*."""
    refused = _refusals(old, new)
    found = list(Reading(Direction.BACKWARD).record(old.record, new.record))
    yield from (each._replace(is_fatal=any(_is_near(each, fault) for fault in refused)) for each in found)
    for fault in refused:
        if not any(_is_near(each, fault) for each in found):
            yield Break(Rule.CONTRACT_INVALID, fault.where, fault.why, fault.remedy, Direction.BACKWARD, True)


def _refusals(old: Contract, new: Contract) -> Sequence[ContractError]:
    """Return why the job would refuse the two versions together, by the paths of the newer one."""
    try:
        resolve_record(old.record, new.record)
    except ContractError as error:
        renamed = renamed_paths(old.record, new.record)
        return [ContractError(_now(each.where, renamed), each.why, each.remedy) for each in error.faults]
    return ()


def _now(path: str, renamed: Mapping[str, str]) -> str:
    for before, after in reversed([*renamed.items()]):
        if f"{path}.".startswith(f"{before}."):
            return f"{after}{path.removeprefix(before)}"
    return path


def _is_near(found: Break, fault: ContractError) -> bool:
    one, other = f"{found.where}.", f"{fault.where}."
    return one.startswith(other) or other.startswith(one)


def _compression(old: Contract, new: Contract) -> Iterator[Break]:
    """Compare whether an attribute may say that a payload is compressed."""
    before, after = (each.options.encodings.may_be_compressed for each in (old, new))
    place = "headrace.encoding"
    if after and not before:
        why = "payloads may be compressed from now on, and older readers take them as they are"
        remedy = "let every reader uncompress them first, then waive this"
        yield Break(Rule.COMPRESSION_CHANGED, place, why, remedy, Direction.FORWARD)
    elif before and not after:
        why = "compressed payloads are refused, also those that wait in the topic and those of dead letters"
        yield Break(Rule.COMPRESSION_CHANGED, place, why, "keep the encoding", Direction.BACKWARD)


def _own_columns(old: Contract, new: Contract) -> Iterator[Break]:
    """Compare the columns that the contract itself adds: derived ones, and those of messages."""
    before, after = _added(old), _added(new)
    for name, place in before.items():
        if name not in after and name not in {field.column for field in new.record.fields}:
            why = "its column is gone, and is null in new rows"
            remedy = "keep it, or say in a waiver why nobody reads it any longer"
            yield Break(Rule.FIELD_REMOVED, f"headrace.{place}.{name}", why, remedy)
    yield from compare_masks(_metadata(old), _metadata(new), "headrace.metadata.")


def _added(contract: Contract) -> dict[str, str]:
    derived = {each.field.name: "derived" for each in contract.transformations.derived}
    return derived | {each.field.name: "metadata" for each in contract.options.metadata}


def _metadata(contract: Contract) -> Record:
    return Record("metadata", tuple(each.field for each in contract.options.metadata))


def _identity(old: Contract, new: Contract) -> Iterator[Break]:
    before, after = old.options, new.options
    if (before.identity, before.id_rule) != (after.identity, after.id_rule):
        place = "headrace.identity"
    elif before.envelope.id != after.envelope.id:
        place = "headrace.envelope.id"
    else:
        return
    why = "ids of events are made otherwise, so an event that comes again is not known as a duplicate"
    yield Break(Rule.IDENTITY_CHANGED, place, why, "keep the identity, or publish a new subject")


def _table(old: Contract, new: Contract) -> Iterator[Break]:
    before, after = old.options, new.options
    if before.table != after.table:
        why = f"rows go to table {after.table}, and went to {before.table}: queries of the old one stop growing"
        yield Break(Rule.TABLE_CHANGED, "headrace.table", why, "keep the table, or waive this and make a view of both")
    elif before.partition is not after.partition:
        why = f"partitions hold a {after.partition}, and held a {before.partition}, which BigQuery cannot change"
        remedy = "keep the partitions, or name another table"
        yield Break(Rule.PARTITIONING_CHANGED, "headrace.partition", why, remedy)
