"""Read the event of a refused message as JSON, so that a person can change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.bigquery.row_json import events_to_json
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.letter_form import LetterForm, form_of
from headrace.dead_letters.merge_patch import UNREADABLE, EditError, put
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import UndecodableError, UnknownSchemaError
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.salvage import salvage
from headrace.schemas.to_json import fields_to_json
from headrace.steps.decode.decode_messages import Decoder, decode
from headrace.steps.decode.opened_messages import behind


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
    return readable(letter, form_of(registry, letter.as_message()), registry, read_as)


def readable(letter: Letter, form: LetterForm, registry: Registry, read_as: SchemaRef | None) -> Readable:
    """Read the payload of *letter*, whose form is *form*; see :func:`readable_as`."""
    chosen = [contract_named(registry, letter.subject, read_as)] if read_as else candidates(registry, letter, form)
    if form.unread is not None:
        raise _unreadable(str(form.unread))
    if not form.is_datum:
        return _decoded(letter, registry, chosen[0] if read_as else None)
    why = ""
    for contract in chosen:
        record = behind(contract.record, form.start, form.encoding)
        try:
            values = compile_decoder(record, record)(form.payload)
        except UndecodableError as error:
            why = why or f"{contract.ref.short} stops at {error}"
        else:
            return Readable(contract, fields_to_json(contract.record, values))
    for contract in chosen:
        try:
            salvaged = salvage(behind(contract.record, form.start, form.encoding), form.payload)
        except UndecodableError:
            continue
        event = fields_to_json(contract.record, salvaged.values)
        for path in salvaged.wrong:
            put(event, path, UNREADABLE)
        return Readable(contract, event, salvaged.wrong)
    raise _unreadable(why)


def _decoded(letter: Letter, registry: Registry, wanted: Contract | None) -> Readable:
    """Read a letter as the job does, where its payload is no datum: as an event of the newest version."""
    decoder = Decoder(registry, letter.subject)
    if wanted not in (None, decoder.contract):
        raise EditError(f"{wanted.ref.short}: this payload is read as {decoder.contract.ref.short} only; name that")
    decoded = decode([letter.as_message()], decoder, 0)
    if decoded.batch is None:
        raise _unreadable(decoded.refusals[0].detail)
    (event,) = events_to_json(decoder.contract.record, decoded.batch.rows)
    return Readable(decoder.contract, event)


def _unreadable(why: str) -> EditError:
    return EditError(f"payload: cannot be read ({why}); give the whole event as JSON with --payload")


def candidates(registry: Registry, letter: Letter, form: LetterForm) -> list[Contract]:
    """Return the contracts of the letter's subject, the claimed one first; at least one."""
    own = [contract for contract in registry if contract.subject == letter.subject]
    if not own:
        raise EditError(f"{letter.subject!r}: unknown subject; name the folder of its contracts with --contracts")
    return sorted(own, key=lambda contract: (contract.ref != form.claimed, -contract.ref.version))


def contract_named(registry: Registry, subject: str, ref: SchemaRef) -> Contract:
    """Return the contract *ref* of a subject; raises EditError if it has none."""
    if ref.subject != subject:
        raise EditError(f"--as {ref.subject}: the letter is of subject {subject}; name a contract of {subject}")
    try:
        return registry[ref]
    except UnknownSchemaError as error:
        raise EditError(f"--as: {error}; add it to the folder of contracts") from None
