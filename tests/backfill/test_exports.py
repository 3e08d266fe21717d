"""What BigQuery exports comes back in: each of its formats, with each of its codecs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from headrace.schemas.model import Record, Scalar, bare
from tests.backfill.test_backfill import Read, a_mapping
from tests.support import bigquery_exports as exports
from tests.support.builders import BOOKING, MOMENT, a_booking, a_contract, decode, encode

FILLED = a_booking(notes="a<b>&c", created_at=MOMENT.replace(microsecond=500_000))
EMPTY = a_booking(created_at=MOMENT.replace(microsecond=0), passengers=[], segments=[], labels={}) | {
    each.name: None for each in BOOKING.record.fields if each.optional
}
EVENTS = [FILLED, EMPTY, a_booking(carbon_kilograms=float("inf"), created_at=MOMENT + timedelta(microseconds=1))]
WAYS: dict[str, Callable[[Path, Record, exports.Events], Path]] = {
    "lines.json.ndjson": exports.as_json,
    **{f"{codec}.avro": partial(exports.as_avro, codec=codec) for codec in ("null", "deflate", "snappy", "zstandard")},
    **{
        f"{codec}.parquet": partial(exports.as_parquet, codec=codec)
        for codec in ("none", "snappy", "gzip", "zstd", "lz4")
    },
}


@pytest.mark.parametrize("name", WAYS)
def test_every_type_comes_back_from_each_format_with_each_codec(tmp_path: Path, name: str) -> None:
    path = WAYS[name](tmp_path / name, BOOKING.record, EVENTS)
    read = Read(BOOKING, [path], a_mapping(tmp_path, 'identity = ["booking_id", "created_at"]'))
    assert read.problems == []
    assert [each.data for each in read.messages] == [encode(BOOKING, each) for each in EVENTS]


def test_every_type_without_parts_comes_back_from_csv(tmp_path: Path) -> None:
    fields = [each for each in BOOKING.record.fields if isinstance(bare(each.type), Scalar)]
    flat = replace(BOOKING.record, fields=tuple(fields))
    values = {each.name for each in fields}
    path = exports.as_csv(tmp_path / "bookings.csv", flat, EVENTS)
    text = path.read_text()
    assert "2026-03-14 15:09:26.5 UTC" in text
    assert "2026-03-14 15:09:26 UTC" in text
    constants = {"channel": "'WEB'", "total": "'12.5'", "passengers": "[]", "segments": "[]", "labels": "{}"}
    lines = "".join(f"{name} = {{ value = {value} }}\n" for name, value in constants.items())
    mapping = a_mapping(tmp_path, f'identity = ["booking_id", "created_at"]\n[fields]\n{lines}')

    read = Read(BOOKING, [path], mapping)

    assert read.problems == []
    for event, message in zip(EVENTS, read.messages, strict=True):
        expected, found = decode(BOOKING, encode(BOOKING, event)), decode(BOOKING, message.data)
        assert {name: found[name] for name in values} == {name: expected[name] for name in values}


def test_moments_of_one_column_may_have_fractions_or_none(tmp_path: Path) -> None:
    contract = a_contract(("n", "int"), ("d", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}))
    events: list[dict[str, Any]] = [
        {"n": number, "d": Decimal("12.50"), "at": datetime(2026, 3, 14, 5, 15, tzinfo=MOMENT.tzinfo) + late}
        for number, late in enumerate([timedelta(), timedelta(milliseconds=500), timedelta(microseconds=10)])
    ]
    for name in ("things.csv", "things.ndjson", "things.avro", "things.parquet"):
        write: Callable[[Path, Record, exports.Events], Path] = {
            "things.csv": exports.as_csv,
            "things.ndjson": exports.as_json,
            "things.avro": WAYS["snappy.avro"],
            "things.parquet": WAYS["snappy.parquet"],
        }[name]
        path = write(tmp_path / name, contract.record, events)
        read = Read(contract, [path], a_mapping(tmp_path, 'identity = ["n"]'))
        assert read.problems == []
        assert [each.data for each in read.messages] == [encode(contract, each) for each in events]
