"""Encoder of events into bytes, for producers and for edits of dead letters."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from typing import Any

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.headers import FIRST_BYTES, header_before, two_readings
from headrace.schemas.registry import Contract


def encode(contract: Contract, fields: Mapping[str, Any], schema: Any = None) -> bytes:
    """Encode *fields* as :func:`headrace.schemas.validate.validate` returns them, by *schema* or the contract's own.

    Raises:
        InvalidEventError: Avro cannot hold the fields, or they are larger than 16 MiB; never contains a value.
    """
    whole = schema is None and contract.encoder
    data = guarded(contract, lambda: whole(fields) if whole else _by_fastavro(fields, schema or contract.avro))
    if len(data) > MAX_PAYLOAD_BYTES:
        raise InvalidEventError(
            contract.subject, f"an event of {len(data)} bytes", f"send at most {MAX_PAYLOAD_BYTES}; split it"
        )
    if schema is None:
        refuse_two_readings(contract, data)
    return data


def _by_fastavro(fields: Mapping[str, Any], schema: Any) -> bytes:
    import fastavro  # only what encodes with it needs it

    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, fields)
    return out.getvalue()


def guarded(contract: Contract, encoded: Callable[[], bytes]) -> bytes:
    """Return the bytes that *encoded* makes; raises InvalidEventError, which has no value, if Avro's library fails."""
    try:
        return encoded()
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error) as error:
        name = type(error).__name__  # only the name: the error's text may quote the value
    raise InvalidEventError(
        contract.subject, f"Avro cannot hold it ({name})", "give plain values of the fields' types"
    ) from None


def refuse_two_readings(contract: Contract, data: bytes) -> None:
    """Refuse bytes that the job would refuse because they are also a datum behind a known header.

    Raises:
        InvalidEventError: there are two readings.
    """
    if data[0] not in FIRST_BYTES or contract.record.datum:
        return
    header = header_before(data, contract.decode_datum)
    if header is not None:
        error = two_readings(header.length)
        remedy = f"{contract.notation.words(error.setting)}, or change what the event begins with"
        raise InvalidEventError(contract.subject, f"its bytes are {error.why}", remedy)
