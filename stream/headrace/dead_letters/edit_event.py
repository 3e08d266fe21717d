"""Decode a refused event to JSON, change it, and encode it again with its contract. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.dead_letters.letter import Letter
from headrace.dead_letters.letter_form import LetterForm, form_of
from headrace.dead_letters.merge_patch import (
    UNREADABLE,
    EditError,
    check_attributes,
    differ,
    merged,
    value_at,
    with_nulls,
)
from headrace.dead_letters.native_form import native_attributes
from headrace.dead_letters.readable_event import candidates, contract_named, readable
from headrace.dead_letters.would_decode import would_decode
from headrace.schemas.annotations import IdRule
from headrace.schemas.encode import encode
from headrace.schemas.envelope import SchemaRef, to_rfc3339
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.validate import validate
from headrace.steps.decode.native_payload import of_bare_datum


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

    @property
    def is_of_event(self) -> bool:
        """Whether the change is one of the event itself, and not only of attributes."""
        return self.patch is not None or self.payload is not None or self.read_as is not None


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


def edit_event(letter: Letter, change: LetterChange, registry: Registry) -> EditedEvent:
    """Return a changed copy of *letter*, checked with the job's own decoding.

    An event without changes keeps its bytes. Otherwise, and with *read_as*, it is written in Headrace's own envelope:
    unless *change* sets them, ``ce-dataschema`` is the contract with which it is written, ``ce-time`` the event time,
    and ``ce-id`` the id that the contract's identity gives, if the job does not trust ids. A message of another client
    keeps the id and the source that the rules of its contract give.

    Raises:
        EditError: the change does not fit the contract, or the job would still refuse the result.
    """
    given = replace(letter, attributes=_changed(letter.attributes, change))
    form = form_of(registry, given.as_message())
    if not change.is_of_event:
        _check_effect(form, change)
        edited = EditedEvent(given, candidates(registry, given, form)[0], {}, {})
    else:
        edited = _edited(given, form, change, registry)
    check_attributes(change.set_attributes, len(edited.letter.attributes))
    _check(edited.letter, registry)
    if (edited.letter.data, dict(edited.letter.attributes)) == (letter.data, dict(letter.attributes)):
        raise EditError("nothing is changed; use --patch, --set-attribute, --unset-attribute or --as")
    return edited


def _edited(letter: Letter, form: LetterForm, change: LetterChange, registry: Registry) -> EditedEvent:
    contract, before, after = _contents(letter, form, change, registry)
    sure = form.claimed == contract.ref
    is_new = before is None or differ(before, after)
    if not is_new and change.read_as is None:
        return EditedEvent(letter, contract, before, after, sure)
    fields = _fields(contract, after)
    data = encode(contract, fields) if is_new or not form.is_datum else form.payload[form.start :]
    made = _attributes(letter.attributes, form, contract, fields) | _derived_id(contract, registry, fields)
    attributes = {**made, **change.set_attributes}
    return EditedEvent(replace(letter, data=data, attributes=attributes), contract, before, after, sure)


def _check_effect(form: LetterForm, change: LetterChange) -> None:
    """Refuse to set what the contract of another client's message takes from elsewhere: it would have no effect."""
    read = {"ce-id": form.event_id, "ce-source": form.source} if form.newest is not None else {}
    for name, value in read.items():
        if change.set_attributes.get(name, value) != value:
            raise EditError(
                f"{name}: the contract does not take it from this attribute; set what it takes it from, or add "
                "--as SUBJECT:VERSION, which writes the event in Headrace's own envelope"
            )


def _changed(given: Mapping[str, str], change: LetterChange) -> dict[str, str]:
    kept = {name: value for name, value in given.items() if name not in change.unset_attributes}
    return {**kept, **change.set_attributes}


def _attributes(
    given: Mapping[str, str], form: LetterForm, contract: Contract, fields: Mapping[str, Any]
) -> dict[str, str]:
    """Return the attributes of an event that is written anew."""
    try:
        if form.newest is not None:
            return native_attributes(form, given, contract, fields)
        moment = contract.event_moment(fields)
    except InvalidEventError as error:
        raise EditError(f"{contract.ref.short}: {error}") from None
    claims = {"ce-dataschema": str(contract.ref)}
    if moment is not None:
        claims["ce-time"] = to_rfc3339(moment)
    if "ce-type" in given:
        claims["ce-type"] = contract.subject
    return {**of_bare_datum(given), **claims}


def _derived_id(contract: Contract, registry: Registry, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the id that the contract's identity gives, where the job does not trust ids."""
    newest = registry.latest(contract.subject)
    return {} if newest.options.id_rule is IdRule.TRUST else {"ce-id": derive_event_id(newest, fields) or ""}


def _contents(
    letter: Letter, form: LetterForm, change: LetterChange, registry: Registry
) -> tuple[Contract, Mapping[str, Any] | None, Mapping[str, Any]]:
    try:
        found = readable(letter, form, registry, change.read_as)
    except EditError:
        if change.payload is None:
            raise
        return _contract_of_new(letter, form, change, registry), None, change.payload
    if change.payload is not None:
        after = change.payload
    else:
        after = found.event if change.patch is None else merged(found.contract.record, found.event, change.patch)
    left = [path for path in found.wrong if value_at(after, path) == UNREADABLE]
    if left:
        raise EditError(f"{', '.join(left[:3])}: cannot be read; give a value with --patch")
    return found.contract, found.event, after


def _contract_of_new(letter: Letter, form: LetterForm, change: LetterChange, registry: Registry) -> Contract:
    """Return the contract with which to write a new event in place of an unreadable payload."""
    if change.read_as:
        return contract_named(registry, letter.subject, change.read_as)
    return candidates(registry, letter, form)[0]


def _fields(contract: Contract, after: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return validate(contract.record, fields_from_json(contract.record, with_nulls(contract.record, after)))
    except InvalidEventError as error:
        raise EditError(f"{contract.ref.short}: {error}") from None


def _check(letter: Letter, registry: Registry) -> None:
    check = would_decode(registry, letter.subject, letter.attributes, letter.data)
    if not check.accepted:
        named = f" as {check.reason}" if check.reason else ""
        raise EditError(f"the job would still refuse it{named}: {check.detail}")
