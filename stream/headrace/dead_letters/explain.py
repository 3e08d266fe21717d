"""Explain why a message was refused: the attribute, the field, the byte, and the contract that can read it.

Personal values stay hidden, and so do values that may be personal. A payload that does not decode may be wrong long
before the decoder notices, so that a personal value is read as another field. If any contract has personal data, values
of such a payload that overlap four or more consecutive characters of text stay hidden, in every field except ids at the
very beginning. If the claimed contract is unknown, all values stay hidden. A visible number, or a visible text of three
characters, may still be part of a personal value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from headrace.dead_letters.explanation import DecodedField, EnvelopeFault, Explanation, Nearest, Stop
from headrace.dead_letters.format_sniffing import FRAME_BYTES, FRAMED, sniff_format
from headrace.dead_letters.nearest_contract import Match, nearest
from headrace.dead_letters.readable_values import readable
from headrace.dead_letters.would_decode import would_decode
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.errors import MalformedEnvelopeError, UndecodableError, UnknownSchemaError
from headrace.schemas.model import Enumeration, Kind, Record, Scalar, walk
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.salvage import salvage
from headrace.schemas.trace import KEPT, Leaf, Trace, pii_at, trace

UNKNOWN: Final = "hidden: unknown contract"
DOUBTFUL: Final = "hidden: may be misread"
_TEXT: Final = re.compile(
    rb"(?:[\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){4,}"
)


def explain(
    registry: Registry, subject: str, attributes: Mapping[str, str], data: bytes, *, reveal: bool = False
) -> Explanation:
    """Explain why a message of *subject*'s topic is refused. With *reveal*, hide no value. Raises nothing."""
    claimed = _claimed(attributes)
    contract = _find(registry, claimed)
    match = nearest(registry, subject, claimed, data)
    read_as = contract or (match.contract if match else None)
    traced = trace(read_as.record, data) if read_as else Trace((), 0, None)
    screen = _Screen.of(registry, contract, match, traced, data, reveal)
    return Explanation(
        subject=subject,
        bytes=len(data),
        envelope=_envelope_fault(attributes),
        claimed=_name(claimed) if claimed else None,
        known=contract is not None,
        stop=_stop(contract.record, traced.stop, screen) if contract else None,
        read_as=_name(read_as.ref) if read_as else None,
        fields=tuple(_decoded(leaf, screen) for leaf in traced.leaves),
        fields_left_out=traced.left_out,
        wrong=_wrong(read_as.record, data) if read_as and traced.stop else (),
        nearest=_nearest(registry, match, attributes, data, screen) if match else None,
        looks_like=_looks_like(registry, subject, claimed, data) if match is None or match.stop else None,
        would_decode=would_decode(registry, subject, attributes, data),
    )


@dataclass(frozen=True, slots=True)
class _Screen:
    """The bytes to hide in addition to personal fields: *everything*, or the bytes that are 1 in *doubtful*."""

    reveal: bool
    everything: bool
    doubtful: bytes

    @classmethod
    def of(
        cls,
        registry: Registry,
        contract: Contract | None,
        match: Match | None,
        traced: Trace,
        data: bytes,
        reveal: bool,
    ) -> _Screen:
        broken = contract is not None and traced.stop is not None
        if reveal or not broken or not _knows_personal_data(registry):
            return cls(reveal, contract is None, b"")
        mask = bytearray(len(data))
        for found in _TEXT.finditer(data, _certain_until(traced.leaves)):
            mask[found.start() : found.end()] = b"\1" * len(found[0])
        if match and match.stop is None:  # a contract that reads the whole payload knows its personal bytes
            for start, end in _personal_ranges(trace(match.contract.record, data)):
                mask[start:end] = b"\1" * (end - start)
        return cls(reveal, False, bytes(mask))

    def hides(self, start: int, end: int) -> str:
        """Return why the bytes from *start* to *end* are hidden, or an empty string if they may be shown."""
        if self.reveal:
            return ""
        if self.everything:
            return UNKNOWN
        return DOUBTFUL if self.doubtful.find(1, start, end) >= 0 else ""


def _personal_ranges(traced: Trace) -> Iterator[tuple[int, int]]:
    yield from ((leaf.start, leaf.end) for leaf in traced.leaves if leaf.pii)
    if traced.left_out:
        yield traced.leaves[KEPT - 1].end, traced.leaves[KEPT].start


def _certain_until(leaves: Sequence[Leaf]) -> int:
    """Return the end of the leading ids, times and numbers: no wrong length of a text can have shifted them."""
    end = 0
    for leaf in leaves:
        text = isinstance(leaf.type, Scalar) and leaf.type.kind in {Kind.STRING, Kind.BYTES}
        if leaf.pii or leaf.start != end or text or not isinstance(leaf.type, Scalar | Enumeration):
            break
        end = leaf.end
    return end


def _knows_personal_data(registry: Registry) -> bool:
    return any(f.mask for contract in registry for _, f in walk(contract.record))


def _claimed(attributes: Mapping[str, str]) -> SchemaRef | None:
    try:
        return SchemaRef.parse(attributes.get("ce-dataschema", ""))
    except ValueError:
        return None


def _find(registry: Registry, ref: SchemaRef | None) -> Contract | None:
    try:
        return registry[ref] if ref else None
    except UnknownSchemaError:
        return None


def _name(ref: SchemaRef) -> str:
    return f"{ref.subject}.v{ref.version}"


def _envelope_fault(attributes: Mapping[str, str]) -> EnvelopeFault | None:
    try:
        Envelope.from_attributes(attributes)
    except MalformedEnvelopeError as error:
        return EnvelopeFault(error.attribute, error.why)
    return None


def _stop(record: Record, error: UndecodableError | None, screen: _Screen) -> Stop | None:
    if error is None:
        return None
    pii = pii_at(record, error.path)
    named = bool(error.path) and error.offset is not None and pii is None
    shown = named and not screen.hides(error.offset or 0, (error.offset or 0) + 1)
    return Stop(error.path, error.offset, error.why, pii.kind if pii else None, shown)


def _decoded(leaf: Leaf, screen: _Screen) -> DecodedField:
    kind = leaf.pii.kind if leaf.pii else None
    hidden = screen.hides(leaf.start, leaf.end)
    if kind and not screen.reveal:
        hidden = f"personal: {kind}"
    value = None if hidden else readable(leaf.type, leaf.value)
    return DecodedField(leaf.path, leaf.start, leaf.end, kind, hidden, value)


def _nearest(registry: Registry, match: Match, attributes: Mapping[str, str], data: bytes, screen: _Screen) -> Nearest:
    ref, record = match.contract.ref, match.contract.record
    claiming = dict(attributes) | {"ce-dataschema": str(ref)}
    if "ce-type" in claiming:
        claiming["ce-type"] = ref.subject
    return Nearest(
        contract=_name(ref),
        fit="closest" if match.stop else "fits",
        fields_read=match.fields_read,
        fields=len(record.fields),
        stop=_stop(record, match.stop, screen),
        would_decode=would_decode(registry, ref.subject, claiming, data),
    )


def _wrong(record: Record, data: bytes) -> tuple[str, ...]:
    try:
        return salvage(record, data).wrong
    except UndecodableError:
        return ()


def _looks_like(registry: Registry, subject: str, claimed: SchemaRef | None, data: bytes) -> str | None:
    if data.startswith(b"\0"):
        inside = nearest(registry, subject, claimed, data[FRAME_BYTES:])
        if inside and inside.stop is None:
            return FRAMED
    return sniff_format(data)
