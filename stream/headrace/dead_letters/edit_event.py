"""Decode a refused event to JSON, change it, and encode it again with its contract. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.dead_letters.letter import Letter
from headrace.dead_letters.merge_patch import (
    UNREADABLE,
    EditError,
    check_attributes,
    differ,
    merged,
    put,
    value_at,
    with_nulls,
)
from headrace.dead_letters.would_decode import would_decode
from headrace.schemas.annotations import IdRule
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.encode import encode
from headrace.schemas.envelope import SchemaRef, to_rfc3339
from headrace.schemas.errors import InvalidEventError, UndecodableError, UnknownSchemaError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.salvage import salvage
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.validate import validate


@dataclass(frozen=True, slots=True)
class LetterChange:
    """A change to a letter: *patch* is a JSON merge patch (RFC 7396); *payload* is JSON that replaces the whole event.

    *read_as* is the contract with which to read and write the event. The default is the claimed contract if it can
    read the event, else the newest contract of the subject that can.
    """

    patch: Mapping[str, Any] | None = field(default=None, repr=False)
    payload: Mapping[str, Any] | None = field(default=None, repr=False)
    set_attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    unset_attributes: tuple[str, ...] = ()
    read_as: SchemaRef | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the change is empty."""
        return self == LetterChange()


@dataclass(frozen=True, slots=True)
class EditedEvent:
    """A changed letter, with its event *before* (None for an unreadable payload) and *after* the change.

    *sure* is False if *before* was read with another contract than the claimed one, so that a value may be misread.
    """

    letter: Letter
    contract: Contract
    before: Mapping[str, Any] | None = field(repr=False)
    after: Mapping[str, Any] = field(repr=False)
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Readable:
    """A payload as JSON, read with *contract*. The values at *wrong* (``items[2].price``) are ``UNREADABLE``."""

    contract: Contract
    event: dict[str, Any] = field(repr=False)
    wrong: tuple[str, ...] = ()


def readable_as(letter: Letter, registry: Registry, read_as: SchemaRef | None = None) -> Readable:
    """Read a letter's payload completely with one of the contracts, else with placeholders for invalid values.

    Raises:
        EditError: no contract of the subject can read it, or *read_as* cannot or is unknown.
    """
    candidates = [_contract(registry, letter.subject, read_as)] if read_as else _candidates(registry, letter)
    if not candidates:
        raise EditError(f"{letter.subject!r}: unknown subject; name the folder of its contracts with --contracts")
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
    raise EditError(f"payload: cannot be read ({why}); give the whole event as JSON with --payload")


def edit_event(letter: Letter, change: LetterChange, registry: Registry) -> EditedEvent:
    """Return a changed copy of *letter*, checked with the job's own decoding.

    A payload without changes keeps its bytes. Unless *change* sets them, ``ce-dataschema`` becomes the contract with
    which the event is written, ``ce-time`` the event time, and ``ce-id`` the id that the contract's identity gives,
    if the job does not trust ids.

    Raises:
        EditError: the change does not fit the contract, or the job would still refuse the result.
    """
    contract, before, after = _contents(letter, change, registry)
    data, made = letter.data, {}
    if before is None or differ(before, after) or change.read_as:
        fields = _fields(contract, after)
        made = _made_attributes(contract, registry, fields)
        if before is None or differ(before, after):
            data = encode(contract, fields)
    attributes = _attributes(letter.attributes, change, contract, made)
    edited = replace(letter, data=data, attributes=attributes)
    _check(edited, registry)
    if (edited.data, dict(edited.attributes)) == (letter.data, dict(letter.attributes)):
        raise EditError("nothing is changed; use --patch, --set-attribute, --unset-attribute or --as")
    return EditedEvent(edited, contract, before, after, letter.attributes.get("ce-dataschema") == str(contract.ref))


def _contents(
    letter: Letter, change: LetterChange, registry: Registry
) -> tuple[Contract, Mapping[str, Any] | None, Mapping[str, Any]]:
    try:
        found = readable_as(letter, registry, change.read_as)
    except EditError:
        if change.payload is None:
            raise
        return _contract_of_new(letter, change, registry), None, change.payload
    if change.payload is not None:
        after = change.payload
    else:
        after = found.event if change.patch is None else merged(found.contract.record, found.event, change.patch)
    left = [path for path in found.wrong if value_at(after, path) == UNREADABLE]
    if left:
        raise EditError(f"{', '.join(left[:3])}: cannot be read; give a value with --patch")
    return found.contract, found.event, after


def _contract_of_new(letter: Letter, change: LetterChange, registry: Registry) -> Contract:
    """Return the contract with which to write a new event in place of an unreadable payload."""
    if change.read_as:
        return _contract(registry, letter.subject, change.read_as)
    candidates = _candidates(registry, letter)
    if not candidates:
        raise EditError(f"{letter.subject!r}: unknown subject; name the folder of its contracts with --contracts")
    return candidates[0]


def _candidates(registry: Registry, letter: Letter) -> list[Contract]:
    claimed = letter.attributes.get("ce-dataschema", "")
    own = [contract for contract in registry if contract.subject == letter.subject]
    return sorted(own, key=lambda contract: (str(contract.ref) != claimed, -contract.ref.version))


def _contract(registry: Registry, subject: str, ref: SchemaRef) -> Contract:
    if ref.subject != subject:
        raise EditError(f"--as {ref.subject}: the letter is of subject {subject}; name a contract of {subject}")
    try:
        return registry[ref]
    except UnknownSchemaError as error:
        raise EditError(f"--as: {error}; add it to the folder of contracts") from None


def _fields(contract: Contract, after: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return validate(contract.record, fields_from_json(contract.record, with_nulls(contract.record, after)))
    except InvalidEventError as error:
        raise EditError(f"{_name(contract)}: {error}") from None


def _made_attributes(contract: Contract, registry: Registry, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes that depend on the event's fields or on its contract."""
    moment = contract.event_moment(fields)
    made = {"ce-dataschema": str(contract.ref)} | ({} if moment is None else {"ce-time": to_rfc3339(moment)})
    if registry.latest(contract.subject).options.id_rule is not IdRule.TRUST:
        made["ce-id"] = derive_event_id(registry.latest(contract.subject), fields) or ""
    return made


def _attributes(
    given: Mapping[str, str], change: LetterChange, contract: Contract, made: Mapping[str, str]
) -> dict[str, str]:
    attributes = {name: value for name, value in given.items() if name not in change.unset_attributes}
    if made:
        attributes |= made
        if "ce-type" in attributes:
            attributes["ce-type"] = contract.subject
    attributes |= change.set_attributes
    check_attributes(change.set_attributes, len(attributes))
    return attributes


def _check(letter: Letter, registry: Registry) -> None:
    check = would_decode(registry, letter.subject, letter.attributes, letter.data)
    if not check.accepted:
        named = f" as {check.reason}" if check.reason else ""
        raise EditError(f"the job would still refuse it{named}: {check.detail}")


def _name(contract: Contract) -> str:
    return f"{contract.ref.subject}.v{contract.ref.version}"
