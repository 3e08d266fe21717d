"""Check a message with the job's own decoding. The check covers neither time bounds nor the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.core.replay_attributes import without_replay
from headrace.dead_letters.explanation import DecodeCheck
from headrace.schemas.errors import ContractError, UnknownSchemaError
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import Decoder, decode
from headrace.steps.decode.openers import opener_of
from headrace.steps.decode.schema_versions import AskFor, ask_nobody

ANY_ID: Final = "1"  # stands for a message id, which says nothing about a refusal


def would_decode(
    registry: Registry, subject: str, attributes: Mapping[str, str], data: bytes, ask_for: AskFor = ask_nobody
) -> DecodeCheck:
    """Return whether decoding would accept a message of *subject*'s topic, with reason and detail if not.

    *ask_for* returns the registry's ids of a subject.

    Raises nothing.
    """
    message = Message(subject, data, without_replay(attributes), ANY_ID, 0)
    try:
        refusals = decode(
            [message], Decoder(registry, subject, opener_of(registry, subject, ask_for(subject))), 0
        ).refusals
    except UnknownSchemaError as error:
        return DecodeCheck(False, Reason.UNKNOWN_SCHEMA.value, str(error))
    except ContractError as error:
        return DecodeCheck(False, "", str(error))
    return DecodeCheck(False, refusals[0].reason, refusals[0].detail) if refusals else DecodeCheck(True, "", "")
