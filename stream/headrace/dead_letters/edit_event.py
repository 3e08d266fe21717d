"""A refused event as JSON, changed, and encoded again as its contract says. Pure: nothing is stored here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.dead_letters.letter import Letter
from headrace.dead_letters.merge_patch import (
    UNREADABLE,
    MendError,
    check_attributes,
    differ,
    merged,
    put,
    value_at,
    with_nulls,
)
from headrace.dead_letters.would_decode import today
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.encode import encode
from headrace.schemas.envelope import SchemaRef, to_rfc3339
from headrace.schemas.errors import InvalidEventError, UndecodableError, UnknownSchemaError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.salvage import salvage
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.validate import validate


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with a letter: *patch* is a JSON merge patch (RFC 7396), *payload* the whole event as JSON instead.

    *read_as* is the contract it is read and written with; by default the one it claims, if that reads it, else the
    newest of its subject that does.
    """

    patch: Mapping[str, Any] | None = field(default=None, repr=False)
    payload: Mapping[str, Any] | None = field(default=None, repr=False)
    set_attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    unset_attributes: tuple[str, ...] = ()
    read_as: SchemaRef | None = None

    @property
    def nothing(self) -> bool:
        """Whether it asks for no change at all."""
        return self == Change()


@dataclass(frozen=True, slots=True)
class Mended:
    """What a change makes of a letter; *before* is None when the payload could not be read.

    *sure* is False when *before* was read with another contract than the letter claims: a value may be misread.
    """

    letter: Letter
    contract: Contract
    before: Mapping[str, Any] | None = field(repr=False)
    after: Mapping[str, Any] = field(repr=False)
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Readable:
    """A payload as JSON, under *contract*; what stands at *wrong* (``items[2].price``) is only ``UNREADABLE``."""

    contract: Contract
    event: dict[str, Any] = field(repr=False)
    wrong: tuple[str, ...] = ()


def readable_as(letter: Letter, registry: Registry, read_as: SchemaRef | None = None) -> Readable:
    """Read a letter's payload: whole with some contract, else but for values that a change can replace.

    Raises:
        MendError: no contract of its subject reads it, or *read_as* does not, or is not known.
    """
    candidates = [_contract(registry, letter.subject, read_as)] if read_as else _candidates(registry, letter)
    if not candidates:
        raise MendError(f"no contract for subject {letter.subject!r} here; name their folder with --contracts")
    why = ""
    for contract in candidates:
        try:
            values = compile_decoder(contract.record, contract.record)(letter.data)
        except UndecodableError as error:
            why = why or f"{_name(contract)} stops at {error}"
        else:
            return Readable(contract, fields_to_json(contract.record, values))
    for contract in candidates:
        try:
            salvaged = salvage(contract.record, letter.data)
        except UndecodableError:
            continue
        event = fields_to_json(contract.record, salvaged.values)
        for path in salvaged.wrong:
            put(event, path, UNREADABLE)
        return Readable(contract, event, salvaged.wrong)
    raise MendError(f"its payload cannot be read ({why}); give the whole event as JSON with --payload")


def mend(letter: Letter, change: Change, registry: Registry) -> Mended:
    """Change a letter, and have the job's own decoding judge the result. The letter itself stays as it is.

    What is not changed keeps its bytes. ``ce-dataschema`` says the contract it is written with, ``ce-time`` follows
    the event time, unless they are set here.

    Raises:
        MendError: the change does not fit the contract, or the job would refuse the result still.
    """
    contract, before, after = _contents(letter, change, registry)
    data, event_time = letter.data, None
    if before is None or differ(before, after) or change.read_as:
        fields = _fields(contract, after)
        event_time = to_rfc3339(fields[contract.options.event_time])
        if before is None or differ(before, after):
            data = encode(contract, fields)
    attributes = _attributes(letter.attributes, change, contract, event_time)
    mended = replace(letter, data=data, attributes=attributes)
    _judge(mended, registry)
    if (mended.data, dict(mended.attributes)) == (letter.data, dict(letter.attributes)):
        raise MendError("nothing is changed; say what with --patch, --set-attribute, --unset-attribute or --as")
    return Mended(mended, contract, before, after, letter.attributes.get("ce-dataschema") == str(contract.ref))


def _contents(
    letter: Letter, change: Change, registry: Registry
) -> tuple[Contract, Mapping[str, Any] | None, Mapping[str, Any]]:
    try:
        found = readable_as(letter, registry, change.read_as)
    except MendError:
        if change.payload is None:
            raise
        return _contract_of_new(letter, change, registry), None, change.payload
    if change.payload is not None:
        after = change.payload
    else:
        after = found.event if change.patch is None else merged(found.contract.record, found.event, change.patch)
    left = [path for path in found.wrong if value_at(after, path) == UNREADABLE]
    if left:
        raise MendError(f"{', '.join(left[:3])}: cannot be read; say what it should be with --patch")
    return found.contract, found.event, after


def _contract_of_new(letter: Letter, change: Change, registry: Registry) -> Contract:
    """Under which contract an event is written whose old payload cannot be read."""
    if change.read_as:
        return _contract(registry, letter.subject, change.read_as)
    candidates = _candidates(registry, letter)
    if not candidates:
        raise MendError(f"no contract for subject {letter.subject!r} here; name their folder with --contracts")
    return candidates[0]


def _candidates(registry: Registry, letter: Letter) -> list[Contract]:
    claimed = letter.attributes.get("ce-dataschema", "")
    own = [contract for contract in registry if contract.subject == letter.subject]
    return sorted(own, key=lambda contract: (str(contract.ref) != claimed, -contract.ref.version))


def _contract(registry: Registry, subject: str, ref: SchemaRef) -> Contract:
    if ref.subject != subject:
        raise MendError(f"--as {ref.subject}: the letter came from the subscription of {subject}; name one of its own")
    try:
        return registry[ref]
    except UnknownSchemaError as error:
        raise MendError(f"--as: {error}; add it to the folder of contracts") from None


def _fields(contract: Contract, after: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return validate(contract.record, fields_from_json(contract.record, with_nulls(contract.record, after)))
    except InvalidEventError as error:
        raise MendError(f"{_name(contract)}: {error}") from None


def _attributes(given: Mapping[str, str], change: Change, contract: Contract, event_time: str | None) -> dict[str, str]:
    attributes = {name: value for name, value in given.items() if name not in change.unset_attributes}
    if event_time is not None:
        attributes |= {"ce-time": event_time, "ce-dataschema": str(contract.ref)}
        if "ce-type" in attributes:
            attributes["ce-type"] = contract.subject
    attributes |= change.set_attributes
    check_attributes(change.set_attributes, len(attributes))
    return attributes


def _judge(letter: Letter, registry: Registry) -> None:
    verdict = today(registry, letter.subject, letter.attributes, letter.data)
    if not verdict.accepted:
        named = f" as {verdict.reason}" if verdict.reason else ""
        raise MendError(f"the job would still refuse it{named}: {verdict.detail}")


def _name(contract: Contract) -> str:
    return f"{contract.ref.subject}.v{contract.ref.version}"
