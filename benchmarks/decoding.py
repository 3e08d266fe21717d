"""``python -m benchmarks.decoding``: microseconds of processor time for one payload and for one message, as JSON.

The ways take turns, in one process; medians. Payloads alone: fastavro with a reader's schema, the strict decoder of one
payload, and columns, by the compiled decoder and by the pure-Python fallback. Then Decode as a whole, rows and notes
included, by both; and for messages of other clients, without a header and behind Confluent's.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import fastavro

from headrace.core.message import Message
from headrace.schemas.columns import Columns
from headrace.schemas.compiled_modules import PURE
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.steps.decode.decode_messages import Decoder, decode
from headrace.steps.decode.fallback import FallbackColumns
from headrace.steps.decode.record_batch import columns_for
from tests.support.builders import BOOKING, FLIGHT, MOMENT, PACKAGE, a_booking, a_flight, an_envelope, encode

BATCH = 500
ROUNDS = 31


def ways(contract: Contract, payload: bytes) -> dict[str, Callable[[], object]]:
    record, avro = contract.record, contract.avro
    strict = compile_decoder(record, record)
    messages = [payload] * BATCH
    events = [
        Message(contract.subject, payload, an_envelope(event_id=f"e{n}", schema=contract.ref).to_attributes(), "", 0)
        for n in range(BATCH)
    ]
    compiled, fallback = Decoder(PACKAGE, contract.subject), _fallback_decoder(contract)
    return {
        "payload: fastavro": lambda: [fastavro.schemaless_reader(io.BytesIO(each), avro, avro) for each in messages],
        "payload: strict decoder": lambda: [strict(each) for each in messages],
        "payload: fallback columns": _reading(FallbackColumns(record), contract, messages),
        "payload: compiled columns": _reading(columns_for(record), contract, messages),
        "decode: fallback": lambda: decode(events, fallback, 0),
        "decode: compiled": lambda: decode(events, compiled, 0),
        "decode: other client, no header": _of_other_client(contract, payload, "datum"),
        "decode: other client, Confluent's header": _of_other_client(contract, payload, "confluent"),
    }


def _of_other_client(contract: Contract, payload: bytes, encoding: str) -> Callable[[], object]:
    avro = json.loads(contract.json)
    avro["headrace"] |= {
        "encoding": encoding,
        "schema_ids": [7],
        "envelope": {"kind": "attributes", "id": "message_id"},
    }
    avro["headrace"].pop("identity", None)
    mapped = parse_contract(SchemaRef(contract.subject, 1), json.dumps(avro))
    decoder = Decoder(Registry({mapped.ref: mapped}), contract.subject)
    data = (b"\0\0\0\0\7" if encoding == "confluent" else b"") + payload
    events = [Message(contract.subject, data, {}, f"m{number}", 0) for number in range(BATCH)]
    return lambda: decode(events, decoder, 0)


def _fallback_decoder(contract: Contract) -> Decoder:
    os.environ[PURE] = "1"
    try:
        return Decoder(PACKAGE, contract.subject)
    finally:
        del os.environ[PURE]


def _reading(columns: Columns, contract: Contract, messages: list[bytes]) -> Callable[[], object]:
    return lambda: (columns.read([contract.record] * len(messages), messages), columns.finish())


def measure(each: dict[str, Callable[[], object]]) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in each}
    for _ in range(ROUNDS):
        for name, way in each.items():
            began = time.process_time()
            way()
            spent[name].append((time.process_time() - began) / BATCH * 1e6)
    return {name: round(statistics.median(seconds), 2) for name, seconds in spent.items()}


def main() -> None:
    cases: dict[str, tuple[Contract, dict[str, Any]]] = {
        "flight": (FLIGHT, a_flight(scheduled_at=MOMENT)),
        "nested booking": (BOOKING, a_booking()),
    }
    print(json.dumps({name: measure(ways(c, encode(c, event))) for name, (c, event) in cases.items()}, indent=2))


if __name__ == "__main__":
    main()
