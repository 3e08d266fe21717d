"""``python -m benchmarks.encoding``: microseconds of processor time to validate and encode one event, as JSON.

The ways take turns, in one process; medians. The compiled module, pure Python, and fastavro, which gets validated
values and refuses other fields (``strict``) but checks nothing else. Then what the SDK does with an event beside that:
its id and its attributes.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fastavro

from benchmarks.decoding import BATCH, measure
from headrace.schemas.compiled_modules import PURE
from headrace.schemas.encode_event import encode_event
from headrace.schemas.envelope import Envelope
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract
from headrace.schemas.validate import validate
from tests.support.builders import BOOKING, FLIGHT, MOMENT, a_booking, a_flight

COMPILED, FALLBACK, FASTAVRO = "validate and encode: compiled", "validate and encode: fallback", "encode: fastavro"


def ways(contract: Contract, event: dict[str, Any]) -> dict[str, Callable[[], object]]:
    fallback, validated = _fallback(contract), validate(contract.record, event)
    values = encode_event(contract, event).values

    def attributes() -> dict[str, str]:
        event_id = derive_event_id(contract, values) or "an id of the caller"
        return Envelope(event_id, contract.ref, contract.event_moment(values) or MOMENT, "/bench").to_attributes()

    return {
        COMPILED: lambda: [encode_event(contract, event) for _ in range(BATCH)],
        FALLBACK: lambda: [encode_event(fallback, event) for _ in range(BATCH)],
        FASTAVRO: lambda: [_by_fastavro(contract, validated) for _ in range(BATCH)],
        "id, time and attributes": lambda: [attributes() for _ in range(BATCH)],
    }


def _by_fastavro(contract: Contract, fields: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, contract.avro, fields, strict=True)
    return out.getvalue()


def _fallback(contract: Contract) -> Contract:
    """The contract without a compiled encoder."""
    made, before = replace(contract), os.environ.get(PURE)
    os.environ[PURE] = "1"
    try:
        assert made.event_encoder is None
    finally:
        if before is None:
            del os.environ[PURE]
        else:
            os.environ[PURE] = before
    return made


def main() -> None:
    found = {}
    for name, contract, event in (("flight", FLIGHT, a_flight()), ("nested booking", BOOKING, a_booking())):
        spent = measure(ways(contract, event))
        found[name] = spent | {"times as fast as fastavro": round(spent[FASTAVRO] / spent[COMPILED], 1)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
