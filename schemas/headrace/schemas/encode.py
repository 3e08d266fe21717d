"""An event as the bytes that go over the wire: the one encoder of producers and of those who mend events."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import fastavro

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.errors import InvalidEventError, UndecodableError
from headrace.schemas.headers import FIRST_BYTES
from headrace.schemas.registry import Contract


def encode(contract: Contract, fields: Mapping[str, Any], schema: Any = None) -> bytes:
    """Encode *fields* as :func:`headrace.schemas.validate.validate` gives them; by *schema*, if it is not the whole.

    Raises:
        InvalidEventError: Avro cannot hold them, or they are larger than 1 MiB; never tells a value.
    """
    data = _written(contract, fields, schema or contract.avro)
    if len(data) > MAX_PAYLOAD_BYTES:
        raise InvalidEventError(
            contract.subject, f"an event of {len(data)} bytes", f"send at most {MAX_PAYLOAD_BYTES}; split it"
        )
    if schema is None and data[0] in FIRST_BYTES:
        _refuse_two_readings(contract, data)
    return data


def _written(contract: Contract, fields: Mapping[str, Any], schema: Any) -> bytes:
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(out, schema, fields)
        return out.getvalue()
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error) as error:
        name = type(error).__name__  # no more of it: its text may quote the value
    raise InvalidEventError(
        contract.subject, f"Avro cannot hold it ({name})", "give plain values of the fields' types"
    ) from None


def _refuse_two_readings(contract: Contract, data: bytes) -> None:
    """Refuse what the job would refuse: bytes that are a datum behind a known header as well."""
    try:
        contract.decode(data)
        return
    except UndecodableError as error:
        why = error.why  # no more of it: what it was raised for may hold the bytes
    raise InvalidEventError(contract.subject, f"its bytes are {why}", "or change what the event begins with")
