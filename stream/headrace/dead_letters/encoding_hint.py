"""Say in which encoding a payload can be read, and what a contract states so that the job reads it."""

from __future__ import annotations

from typing import NamedTuple

from headrace.dead_letters.format_sniffing import sniff_format
from headrace.dead_letters.letter_form import LetterForm
from headrace.dead_letters.nearest_contract import Match, nearest
from headrace.dead_letters.other_encoding import OtherEncoding, other_encoding
from headrace.schemas.envelope import CONTENT_ENCODING
from headrace.schemas.message_rules.encoding import Encoding
from headrace.schemas.message_rules.encoding_words import COMPRESSIBLE, listed, setting
from headrace.schemas.notation import Notation
from headrace.schemas.registry import Registry


class EncodingHint(NamedTuple):
    """The format that a payload may have, and the setting for it. Both are empty if the stated encoding is right.

    A setting is in the form of the contract that has to state it. *is_misread* tells whether the payload reads whole in
    another encoding, so that values read as stated are wrong.
    """

    looks_like: str | None
    setting: str
    is_misread: bool = False


def hint_of(registry: Registry, subject: str, form: LetterForm, match: Match | None) -> EncodingHint:
    """Return the hint for a message of *subject*'s topic.

    *match* is the contract that is nearest in the encoding that is stated.
    """
    if match is not None and match.stop is None:
        return EncodingHint(None, _schema_id(form, match))
    if form.newest is not None and form.unread is not None and not form.enclosed:
        return EncodingHint(None, form.newest.notation.words(form.unread.setting))
    other = _other_encoding(registry, form)
    if other is None:
        return EncodingHint(sniff_format(form.enclosed), "")
    return EncodingHint(other.looks_like, _setting(registry, subject, form, other), is_misread=True)


def _other_encoding(registry: Registry, form: LetterForm) -> OtherEncoding | None:
    subject = form.newest.subject if form.newest else form.claimed.subject if form.claimed else ""

    def reads(payload: bytes, start: int, encoding: Encoding) -> bool:
        match = nearest(registry, subject, form.claimed, payload, start, encoding)
        return match is not None and match.stop is None

    return other_encoding(form.enclosed, form.encoding, reads)


def _setting(registry: Registry, subject: str, form: LetterForm, other: OtherEncoding) -> str:
    if form.newest is not None:
        return f"write {form.newest.notation.words(other.setting)} in the newest contract"
    if form.claimed is not None:
        return _native_setting(registry, subject, other)
    if subject in registry.subjects:
        return f"write {registry.latest(subject).notation.words(other.setting)} and an envelope in the newest contract"
    in_sidecar = Notation.TOML.words(other.setting)
    return f"write {other.setting} and an envelope in the newest contract ({in_sidecar} in a sidecar)"


def _native_setting(registry: Registry, subject: str, other: OtherEncoding) -> str:
    """Return how Headrace's own envelope can carry a payload."""
    encoding = other.encoding
    if not encoding.is_datum or encoding.base64 or encoding.compression is None or subject not in registry.subjects:
        return "send the datum alone: nothing is around it in Headrace's own envelope, whatever the contract states"
    newest = registry.latest(subject)
    attribute = f"send the attribute {CONTENT_ENCODING}={encoding.compression} with it"
    if newest.options.encodings.may_be_compressed:
        return attribute
    return f"write {newest.notation.words(setting(COMPRESSIBLE))} in the newest contract, and {attribute}"


def _schema_id(form: LetterForm, match: Match) -> str:
    """Return how to make the schema id known, where it is of no version and the payload reads with one."""
    own = form.newest is not None and match.contract.subject == form.newest.subject
    if not own or form.claimed is not None or form.schema_id is None:
        return ""
    stated = match.contract.notation.words(listed(form.schema_id))
    return f"write {stated} in {match.contract.ref.short}, if that is the id of its schema"
