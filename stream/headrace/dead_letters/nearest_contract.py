"""Find the contract that can read a payload, or most of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import UndecodableError
from headrace.schemas.message_rules.encoding import Encoding
from headrace.schemas.model import Record
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.opened_messages import behind


class Match(NamedTuple):
    """The part of a payload that *contract* can read: *fields_read* top-level fields, or all of it without a *stop*.

    *record* is the contract's, which knows the header of the payload.
    """

    contract: Contract
    record: Record
    fields_read: int
    stop: UndecodableError | None


def nearest(
    registry: Registry, subject: str, claimed: SchemaRef | None, data: bytes, start: int, encoding: Encoding
) -> Match | None:
    """Return the first contract that reads all of *data*, else the one that reads most fields, then most bytes.

    The datum begins at byte *start* of *data*, as *encoding* says.

    Try the claimed contract, then the others of the subject from the newest on, then those of other subjects. Return
    None for an empty registry.
    """
    best: Match | None = None
    for contract in _candidates(registry, subject, claimed):
        match = _match(contract, behind(contract.record, start, encoding), data)
        if match.stop is None:
            return match
        if best is None or _reach(match) > _reach(best):
            best = match
    return best


def _candidates(registry: Registry, subject: str, claimed: SchemaRef | None) -> Iterator[Contract]:
    yield from sorted(
        registry,
        key=lambda each: (each.ref != claimed, each.subject != subject, each.subject, -each.ref.version),
    )


def _match(contract: Contract, record: Record, data: bytes) -> Match:
    try:
        compile_decoder(record, record)(data)
    except UndecodableError as stop:
        return Match(contract, record, _fields_before(record, stop), stop)
    return Match(contract, record, len(record.fields), None)


def _fields_before(record: Record, stop: UndecodableError) -> int:
    if stop.offset is None:
        return 0
    name = stop.path.partition(".")[0].partition("[")[0]
    return next((index for index, f in enumerate(record.fields) if f.name == name), len(record.fields))


def _reach(match: Match) -> tuple[int, int]:
    offset = match.stop.offset if match.stop is not None else None
    return match.fields_read, offset or 0
