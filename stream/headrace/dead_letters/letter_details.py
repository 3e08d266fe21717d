"""Everything that a person needs to know about one letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.dead_letters.archived_letter import ArchivedLetter, LetterSummary
from headrace.dead_letters.explain import explain
from headrace.dead_letters.explanation import DecodeCheck, Explanation
from headrace.dead_letters.letter_form import form_of
from headrace.dead_letters.open_attributes import open_attributes
from headrace.dead_letters.service import ChoiceError, LetterService
from headrace.dead_letters.would_decode import would_decode
from headrace.schemas.registry import Registry
from headrace.steps.decode.schema_versions import AskFor, ask_nobody


@dataclass(frozen=True, slots=True)
class LetterDetails:
    """One letter with its explanation; *edited* is the check of the edited letter, or None without an edit.

    The offsets of the explanation count in *payload*. *open_attributes* are those without personal data.
    """

    archived: ArchivedLetter
    payload: bytes = field(repr=False)
    open_attributes: frozenset[str]
    explanation: Explanation
    edited: DecodeCheck | None
    attempts: Sequence[dict[str, Any]]
    facts: Sequence[dict[str, Any]]


def details_of(
    service: LetterService,
    letter: LetterSummary,
    registry: Registry,
    *,
    reveal: bool = False,
    why: str = "",
    ask_for: AskFor = ask_nobody,
) -> LetterDetails:
    """Explain a letter with *registry*. With *reveal*, show personal values, which needs *why* and is recorded.

    *ask_for* returns the registry's ids of a subject.

    Raises:
        ChoiceError: a piece of the letter is not collected yet, or *why* is empty.
    """
    if reveal:
        service.record_reveal([letter], why)
    archived = next(service.reader.read([letter.letter_id]), None)
    if archived is None:
        raise ChoiceError(f"{letter.letter_id}: not completely collected yet; try again in a minute")
    refused, edited = archived.refused, archived.edited
    explanation = explain(registry, refused.subject, refused.attributes, refused.data, reveal=reveal, ask_for=ask_for)
    check = would_decode(registry, edited.subject, edited.attributes, edited.data, ask_for) if edited else None
    attempts, facts = service.reader.attempts(refused.id), service.reader.facts(refused.id)
    form = form_of(registry, refused.as_message())
    seen = open_attributes(form.newest, refused.attributes)
    return LetterDetails(archived, form.payload, seen, explanation, check, attempts, facts)
