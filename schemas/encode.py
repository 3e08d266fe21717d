"""An event as the bytes that go over the wire: the one encoder of producers and of those who mend events."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import fastavro

from schemas.decoder import MAX_PAYLOAD_BYTES
from schemas.errors import InvalidEventError, UndecodableError
from schemas.headers import FIRST_BYTES
from schemas.registry import Contract


def encode(contract: Contract, fields: Mapping[str, Any], schema: Any = None) -> bytes:
    """Encode *fields*, which :func:`schemas.validate.validate` has accepted; by *schema*, if it is not the whole.

    Raises:
        InvalidEventError: Avro cannot hold them, or they are larger than 1 MiB; never tells a value.
    """
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(out, schema or contract.avro, fields)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error) as error:
        raise InvalidEventError(  # its text, and its cause, may quote the value
            contract.subject, f"Avro cannot hold it ({type(error).__name__})", "give plain values of the fields' types"
        ) from None
    data = out.getvalue()
    if len(data) > MAX_PAYLOAD_BYTES:
        raise InvalidEventError(
            contract.subject, f"an event of {len(data)} bytes", f"send at most {MAX_PAYLOAD_BYTES}; split it"
        )
    if schema is None and data[0] in FIRST_BYTES:
        _refuse_two_readings(contract, data)
    return data


def _refuse_two_readings(contract: Contract, data: bytes) -> None:
    """Refuse what the job would refuse: bytes that are a datum behind a known header as well."""
    try:
        contract.decode(data)
    except UndecodableError as error:
        raise InvalidEventError(
            contract.subject, f"its bytes are {error.why}", "or change what the event begins with"
        ) from None
