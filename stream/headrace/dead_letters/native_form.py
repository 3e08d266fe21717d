"""Write the event of another client's message in Headrace's own envelope, in which edited letters are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headrace.dead_letters.letter_form import LetterForm
from headrace.schemas.envelope import CONTENT_TYPE, SPEC_VERSION, from_micros, to_rfc3339
from headrace.schemas.registry import Contract

# What these say of the foreign payload is not true of the new one, or contradicts the new envelope.
_REPLACED: Final = frozenset({"content-type", "content-encoding", "ce-datacontenttype", "ce-datacontentencoding"})


def native_attributes(
    form: LetterForm, attributes: Mapping[str, str], contract: Contract, fields: Mapping[str, Any]
) -> dict[str, str]:
    """Return the attributes of a native message with the event *fields* of *contract*.

    Id, time and source are those that the rules of the foreign envelope give. An attribute that they do not give is
    left out. The foreign attributes stay where they do not clash.

    Raises:
        InvalidEventError: the value of the event time is no time; never contains the value.
    """
    envelope: dict[str, str | None] = {
        "ce-specversion": SPEC_VERSION,
        "ce-id": form.event_id,
        "ce-type": contract.subject,
        "ce-time": event_time(form, contract, fields),
        "ce-source": form.source,
        "ce-dataschema": str(contract.ref),
        "content-type": CONTENT_TYPE,
    }
    kept = {name: value for name, value in attributes.items() if name.lower() not in _REPLACED | envelope.keys()}
    return kept | dict(form.change) | {name: value for name, value in envelope.items() if value is not None}


def event_time(form: LetterForm, contract: Contract, fields: Mapping[str, Any]) -> str | None:
    """Return the time of an event as ``ce-time`` has it: what the fields say, else the message; None if none says it.

    Raises:
        InvalidEventError: the value of the event time is no time; never contains the value.
    """
    moment = contract.event_moment(fields)
    if moment is not None:
        return to_rfc3339(moment)
    return to_rfc3339(from_micros(form.time)) if isinstance(form.time, int) else form.time
