"""Say in which encoding a payload can be read, and what a contract states so that the job reads it."""

from __future__ import annotations

from typing import NamedTuple

from headrace.dead_letters.format_sniffing import sniff_format
from headrace.dead_letters.letter_form import LetterForm
from headrace.dead_letters.nearest_contract import Match, nearest
from headrace.dead_letters.other_encoding import OtherEncoding, other_encoding
from headrace.schemas.message_rules.encoding import Encoding
from headrace.schemas.message_rules.encoding_words import listed
from headrace.schemas.registry import Registry


class EncodingHint(NamedTuple):
    """The format that a payload may have, and the setting for it. Both are empty if the stated encoding is right.

    *is_misread* tells whether the payload reads whole in another encoding, so that values read as stated are wrong.
    """

    looks_like: str | None
    setting: str
    is_misread: bool = False


def hint_of(registry: Registry, form: LetterForm, match: Match | None) -> EncodingHint:
    """Return the hint for a message; *match* is the contract that is nearest in the encoding that is stated."""
    if match is not None and match.stop is None:
        return EncodingHint(None, _schema_id(form, match))
    other = _other_encoding(registry, form)
    if other is None:
        return EncodingHint(sniff_format(form.enclosed), "")
    return EncodingHint(other.looks_like, _setting(form, other), is_misread=True)


def _other_encoding(registry: Registry, form: LetterForm) -> OtherEncoding | None:
    subject = form.newest.subject if form.newest else form.claimed.subject if form.claimed else ""

    def reads(payload: bytes, start: int, encoding: Encoding) -> bool:
        match = nearest(registry, subject, form.claimed, payload, start, encoding)
        return match is not None and match.stop is None

    return other_encoding(form.enclosed, form.encoding, reads)


def _setting(form: LetterForm, other: OtherEncoding) -> str:
    if form.newest is not None:
        return f"write {other.setting} in the newest contract ({other.sidecar} in a sidecar)"
    if form.claimed is not None:
        return "send the datum alone: nothing is around it in Headrace's own envelope, whatever the contract states"
    return f'write {other.setting} and an "envelope" in the newest contract ({other.sidecar} in a sidecar)'


def _schema_id(form: LetterForm, match: Match) -> str:
    """Return how to make the schema id known, where it is of no version and the payload reads with one."""
    own = form.newest is not None and match.contract.subject == form.newest.subject
    if not own or form.claimed is not None or form.schema_id is None:
        return ""
    return f"write {listed(form.schema_id)} in {match.contract.ref.short}, if that is the id of its schema"
