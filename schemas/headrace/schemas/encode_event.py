"""Validation and encoding of a caller's event: the one way from fields to bytes."""

from __future__ import annotations

from headrace.schemas.encode import encode, refuse_two_readings
from headrace.schemas.event_encoding.compiled_encoder import encoder_module
from headrace.schemas.event_encoding.encoded_event import EncodedEvent
from headrace.schemas.registry import Contract
from headrace.schemas.validate import validate


def load_encoder() -> None:
    """Load the compiled module, if it is there, before the first event: a process may fork while that is encoded.

    Raises:
        CompiledModuleError: the module was built from other sources than the Python code.
    """
    encoder_module()


def encode_event(contract: Contract, fields: object) -> EncodedEvent:
    """Check *fields*, a mapping or an instance of a dataclass, against the contract and encode them, in one pass.

    The compiled module encodes what it is sure of. Everything else is for pure Python, which also makes every error.

    Raises:
        InvalidEventError: a value does not fit, or the event is larger than 16 MiB; names the first one, never a value.
    """
    known = contract.event_encoder and contract.event_encoder(fields)
    if known is not None:
        refuse_two_readings(contract, known.datum)
        return known
    values = validate(contract.record, fields)
    return EncodedEvent(encode(contract, values), values)
