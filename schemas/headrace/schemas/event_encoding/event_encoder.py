"""Compiler of the function that checks and encodes the events of a record in one pass."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.schemas.event_encoding.compiled_encoder import compiled_encoder, encoder_module
from headrace.schemas.event_encoding.encoded_event import EncodedEvent, EncodeFields
from headrace.schemas.event_encoding.event_program import MAX_KEPT, compile_program
from headrace.schemas.event_encoding.kept_values import kept_values, needed_paths, values_by_name
from headrace.schemas.message_rules.event_time import EventTimeRule
from headrace.schemas.model import Record


def compile_event_encoder(record: Record, identity: Sequence[str], rule: EventTimeRule) -> EncodeFields | None:
    """Return the function that encodes the fields of an event; None without the compiled module.

    It returns None for fields of which it is not sure: pure Python encodes or refuses them.

    Raises:
        CompiledModuleError: the compiled module was built from other sources than the Python code.
    """
    module = encoder_module()
    if module is None:
        return None
    paths = needed_paths(identity, rule)[:MAX_KEPT]
    encode = compiled_encoder(module, compile_program(record, paths), len(paths))
    kept = kept_values(record, paths)

    def encode_fields(fields: object) -> EncodedEvent | None:
        encoded = encode(fields)
        return None if encoded is None else EncodedEvent(encoded[0], values_by_name(kept, encoded))

    return encode_fields
