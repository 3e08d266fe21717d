"""``python -m benchmarks.json_decoding``: microseconds of processor time for one booking in JSON, as JSON.

The ways take turns, in one process; medians. Python's and orjson's parsers alone, which round numbers; the transcoder
to Avro in C and in pure Python; and the way to Arrow columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from benchmarks.decoding import BATCH, measure
from headrace.dev.demo.bookings import bookings
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.json_encoding.compile_json import compile_json
from headrace.schemas.json_encoding.make_plan import plan
from headrace.schemas.json_encoding.rules import STRICT
from headrace.schemas.json_encoding.transcode import compile_fallback
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.validate import validate
from headrace.steps.decode.record_batch import columns_for
from tests.support.builders import BOOKING, encode


def texts(count: int) -> list[bytes]:
    """Bookings of version 2 as their producer would write them in JSON."""
    return [_text(fields) for _, fields in bookings(count, datetime(2026, 11, 30, tzinfo=UTC), versions=(2,))]


def _text(fields: dict[str, Any]) -> bytes:
    record = BOOKING.record
    values = compile_decoder(record, record)(encode(BOOKING, validate(record, fields)))
    return json.dumps(fields_to_json(record, values), ensure_ascii=False, separators=(",", ":")).encode()


def ways(messages: list[bytes]) -> dict[str, Callable[[], object]]:
    record = BOOKING.record
    compiled, fallback = compile_json(record, STRICT), compile_fallback(plan(record, STRICT))
    columns = columns_for(record)

    def to_columns() -> object:
        columns.read([record] * len(messages), [compiled(message) for message in messages])
        return columns.finish()

    return {
        "json.loads": lambda: [json.loads(message) for message in messages],
        "orjson.loads": lambda: [orjson.loads(message) for message in messages],
        "transcode: compiled": lambda: [compiled(message) for message in messages],
        "transcode: fallback": lambda: [fallback(message) for message in messages],
        "text to columns: compiled": to_columns,
    }


def main() -> None:
    messages = texts(BATCH)
    size = sum(map(len, messages)) / len(messages)
    print(json.dumps({"bytes of one text": round(size), **measure(ways(messages))}, indent=2))


if __name__ == "__main__":
    main()
