"""Explain why a message was refused: the attribute, the field, the byte, and the contract that can read it.

A message of another client is read as the newest contract of its subject declares. Values that may be personal stay
hidden (:mod:`headrace.dead_letters.screen`).
"""

from __future__ import annotations

from collections.abc import Mapping

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.dead_letters.encoding_hint import hint_of
from headrace.dead_letters.explanation import DecodeCheck, DecodedField, Explanation, Nearest, Stop
from headrace.dead_letters.letter_form import LetterForm, form_of
from headrace.dead_letters.native_form import native_attributes
from headrace.dead_letters.nearest_contract import Match, nearest
from headrace.dead_letters.readable_values import readable
from headrace.dead_letters.screen import Screen
from headrace.dead_letters.would_decode import ANY_ID, would_decode
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import InvalidEventError, UndecodableError, UnknownSchemaError
from headrace.schemas.message_rules.encoding_words import around
from headrace.schemas.model import Record
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.salvage import salvage
from headrace.schemas.trace import Leaf, Trace, pii_at, trace
from headrace.steps.decode.native_payload import of_bare_datum
from headrace.steps.decode.opened_messages import behind
from headrace.steps.decode.schema_versions import AskFor, ask_nobody


def explain(
    registry: Registry,
    subject: str,
    attributes: Mapping[str, str],
    data: bytes,
    *,
    reveal: bool = False,
    ask_for: AskFor = ask_nobody,
) -> Explanation:
    """Explain why a message of *subject*'s topic is refused. With *reveal*, hide no value. Raises nothing.

    *ask_for* returns the registry's ids of a subject.
    """
    form = form_of(registry, Message(subject, data, attributes, ANY_ID, 0), ask_for)
    payload, check = form.payload, would_decode(registry, subject, attributes, data, ask_for)
    contract = _find(registry, form.claimed) if form.is_datum else None
    match = nearest(registry, subject, form.claimed, payload, form.start, form.encoding) if form.is_datum else None
    record = _record(contract, match, form)
    traced = trace(record, payload) if record else Trace((), 0, None)
    hint = hint_of(registry, subject, form, match)
    screen = Screen.of(registry, contract, match, traced, payload, reveal, hint.is_misread)
    read_as = contract or (match.contract if match else None)
    return Explanation(
        subject=subject,
        bytes=len(data),
        envelope=form.envelope,
        declared=_declared(form),
        claimed=form.claimed.short if form.claimed else None,
        unclaimed=form.unclaimed,
        known=_find(registry, form.claimed) is not None,
        stop=_stop(contract.record, traced.stop, screen) if contract else _unread(form, check),
        read_as=read_as.ref.short if read_as else None,
        fields=tuple(_decoded(leaf, screen) for leaf in traced.leaves),
        fields_left_out=traced.left_out,
        wrong=_wrong(record, payload) if record and traced.stop else (),
        nearest=_nearest(registry, match, attributes, form, screen) if match else None,
        looks_like=hint.looks_like,
        setting=hint.setting,
        unpacked=None if payload == data else len(payload),
        would_decode=check,
    )


def _record(contract: Contract | None, match: Match | None, form: LetterForm) -> Record | None:
    """Return the record with which to read the payload, which knows its header."""
    if contract is not None:
        return behind(contract.record, form.start, form.encoding)
    return match.record if match else None


def _find(registry: Registry, ref: SchemaRef | None) -> Contract | None:
    try:
        return registry[ref] if ref else None
    except UnknownSchemaError:
        return None


def _declared(form: LetterForm) -> str:
    if form.newest is None:
        return ""
    rules, encoding = form.newest.options.envelope, form.encoding
    return f"envelope {rules.kind}, {around(encoding)}" if form.is_datum else f"envelope {rules.kind}"


def _unread(form: LetterForm, check: DecodeCheck) -> Stop | None:
    """Return why there is nothing to read as a datum; None if there is, or if the message is accepted."""
    if form.unread is not None:
        return Stop(form.unread.path, form.unread.offset, form.unread.why, None, False)
    if form.is_datum or check.reason != Reason.UNDECODABLE_PAYLOAD:
        return None
    return Stop("", None, check.detail, None, False)


def _stop(record: Record, error: UndecodableError | None, screen: Screen) -> Stop | None:
    if error is None:
        return None
    pii = pii_at(record, error.path)
    named = bool(error.path) and error.offset is not None and pii is None
    shown = named and not screen.hides(error.offset or 0, (error.offset or 0) + 1)
    return Stop(error.path, error.offset, error.why, pii.kind if pii else None, shown)


def _decoded(leaf: Leaf, screen: Screen) -> DecodedField:
    kind = leaf.pii.kind if leaf.pii else None
    hidden = screen.hides(leaf.start, leaf.end)
    if kind and not screen.reveal:
        hidden = f"personal: {kind}"
    value = None if hidden else readable(leaf.type, leaf.value)
    return DecodedField(leaf.path, leaf.start, leaf.end, kind, hidden, value)


def _nearest(
    registry: Registry, match: Match, attributes: Mapping[str, str], form: LetterForm, screen: Screen
) -> Nearest:
    ref, record = match.contract.ref, match.contract.record
    return Nearest(
        contract=ref.short,
        fit="closest" if match.stop else "fits",
        fields_read=match.fields_read,
        fields=len(record.fields),
        stop=_stop(record, match.stop, screen),
        would_decode=_claiming(registry, match, attributes, form),
    )


def _claiming(registry: Registry, match: Match, attributes: Mapping[str, str], form: LetterForm) -> DecodeCheck:
    """Check the message as if it claimed the contract of *match*, as an edit with ``--as`` writes it."""
    contract = match.contract
    if form.newest is None:
        claiming = of_bare_datum(attributes) | {"ce-dataschema": str(contract.ref)}
        if "ce-type" in claiming:
            claiming["ce-type"] = contract.subject
        return would_decode(registry, contract.subject, claiming, form.payload)
    if match.stop is not None:
        return DecodeCheck(False, Reason.UNDECODABLE_PAYLOAD.value, str(match.stop))
    values = compile_decoder(match.record, match.record)(form.payload)
    try:
        claiming = native_attributes(
            form, attributes, contract, dict(zip((each.name for each in contract.record.fields), values, strict=True))
        )
    except InvalidEventError as error:
        return DecodeCheck(False, Reason.UNDECODABLE_PAYLOAD.value, str(error))
    return would_decode(registry, contract.subject, claiming, form.payload[form.start :])


def _wrong(record: Record, data: bytes) -> tuple[str, ...]:
    try:
        return salvage(record, data).wrong
    except UndecodableError:
        return ()
