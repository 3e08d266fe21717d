"""What the job's own decoding says of a message today; neither bounds of time nor the table are asked."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.core.replay_attributes import without_replay
from headrace.dead_letters.explanation import Verdict
from headrace.schemas.errors import ContractError, UnknownSchemaError
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import Decoder, decode


def today(registry: Registry, subject: str, attributes: Mapping[str, str], data: bytes) -> Verdict:
    """Whether decoding would accept a message of *subject*'s topic, and what it would say if not. Raises nothing."""
    message = Message(subject, data, without_replay(attributes), "", 0)
    try:
        refusals = decode([message], Decoder(registry, subject), 0).refusals
    except UnknownSchemaError as error:
        return Verdict(False, Reason.UNKNOWN_SCHEMA.value, str(error))
    except ContractError as error:
        return Verdict(False, "", str(error))
    return Verdict(False, refusals[0].reason, refusals[0].detail) if refusals else Verdict(True, "", "")
