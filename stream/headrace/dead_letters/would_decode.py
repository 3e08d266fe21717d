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

ANY_ID: Final = "1"  # stands for a message id, which says nothing about a refusal


def would_decode(registry: Registry, subject: str, attributes: Mapping[str, str], data: bytes) -> DecodeCheck:
    """Return whether decoding would accept a message of *subject*'s topic, with reason and detail if not.

    Raises nothing.
    """
    message = Message(subject, data, without_replay(attributes), ANY_ID, 0)
    try:
        refusals = decode([message], Decoder(registry, subject), 0).refusals
    except UnknownSchemaError as error:
        return DecodeCheck(False, Reason.UNKNOWN_SCHEMA.value, str(error))
    except ContractError as error:
        return DecodeCheck(False, "", str(error))
    return DecodeCheck(False, refusals[0].reason, refusals[0].detail) if refusals else DecodeCheck(True, "", "")
