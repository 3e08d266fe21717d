"""Events as BigQuery exports their rows, after its documentation: docs.cloud.google.com/bigquery/docs/exporting-data.

INT64, NUMERIC and BIGNUMERIC are texts in JSON, and nulls are left out there; TIMESTAMP is ``2026-11-20 05:15:00 UTC``
with as many digits as it needs, bytes are base64. In Avro DATETIME is a text (``sqlType``), TIMESTAMP and TIME count
microseconds, decimals have the digits of their SQL type, whatever the value has. Maps are arrays of key and value.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, Final, assert_never
from uuid import UUID

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from headrace.schemas import model
from headrace.schemas.model import (
    INSTANTS,
    Array,
    Enumeration,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
)

Events = Sequence[Mapping[str, Any]]
_LOCAL: Final = {Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS}
_TIMES: Final = {Kind.TIME_MILLIS, Kind.TIME_MICROS}
_WIDE: Final = Context(prec=80)
_SYNC: Final = b"S" * 16


def as_csv(path: Path, record: Record, events: Events) -> Path:
    """CSV has neither records nor arrays."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([each.name for each in record.fields])
        for event in events:
            row = [_in_json(each.type, event[each.name]) for each in record.fields]
            writer.writerow([_in_csv(value) for value in row])
    return path


def as_json(path: Path, record: Record, events: Events) -> Path:
    """JSON lines, with the signs of HTML escaped."""
    text = "".join(json.dumps(_in_json(record, event), ensure_ascii=False) + "\n" for event in events)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    path.write_text(text)
    return path


def as_avro(path: Path, record: Record, events: Events, codec: str) -> Path:
    """An Avro object file; *codec* is null, deflate, snappy or zstandard."""
    schema = fastavro.parse_schema(_avro_type(record, "Root"))
    out = io.BytesIO()
    fastavro.writer(out, schema, [], sync_marker=_SYNC)
    head = out.getvalue().replace(b"\x14avro.codec\x08null", b"\x14avro.codec" + _text(codec))
    body = io.BytesIO()
    for event in events:
        fastavro.schemaless_writer(body, schema, _in_avro(record, event))
    data = _packed(body.getvalue(), codec)
    path.write_bytes(head + _long(len(events)) + _long(len(data)) + data + _SYNC)
    return path


def as_parquet(path: Path, record: Record, events: Events, codec: str) -> Path:
    """A Parquet file; *codec* is none, snappy, gzip, zstd or lz4."""
    schema = pa.schema([pa.field(each.name, _arrow_type(each.type)) for each in record.fields])
    rows = [_in_arrow(record, event) for event in events]
    pq.write_table(pa.Table.from_pylist(rows, schema), path, compression=codec)
    return path


def _in_csv(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _in_json(type_: Type, value: Any) -> Any:
    match type_:
        case Optional():
            return None if value is None else _in_json(type_.item, value)
        case Record():
            fields = {each.name: _in_json(each.type, value[each.name]) for each in type_.fields}
            return {name: item for name, item in fields.items() if item is not None}
        case Array():
            return [_in_json(type_.items, each) for each in value]
        case Map():
            return [{"key": key, "value": _in_json(type_.values, each)} for key, each in value.items()]
        case model.Decimal():
            return _trimmed(value)
        case Fixed() | Enumeration():
            return base64.b64encode(value).decode() if isinstance(value, bytes) else value
        case Scalar():
            return _scalar_in_json(type_.kind, value)
        case Union() | Recursive():
            raise TypeError("give the columns of the record")
        case _:
            assert_never(type_)


def _scalar_in_json(kind: Kind, value: Any) -> Any:
    match value:
        case bool() | str():
            return value
        case int():
            return str(value)
        case float():
            return value if abs(value) < float("inf") else {float("inf"): "Infinity"}.get(value, "-Infinity")
        case bytes():
            return base64.b64encode(value).decode()
        case datetime() if kind in INSTANTS:
            moment = value.astimezone(UTC)
            fraction = f".{moment.microsecond:06}".rstrip("0").rstrip(".") if moment.microsecond else ""
            return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} UTC"
        case _:
            return str(value) if isinstance(value, UUID) else value.isoformat()


def _trimmed(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _avro_type(type_: Type, path: str) -> Any:
    match type_:
        case Optional():
            return ["null", _avro_type(type_.item, path)]
        case Record():
            return _avro_record(path, [(each.name, each.type) for each in type_.fields])
        case Array():
            return {"type": "array", "items": _avro_type(type_.items, path)}
        case Map():
            entry = [("key", Scalar(Kind.STRING)), ("value", type_.values)]
            return {"type": "array", "items": _avro_record(f"{path}_entry", entry)}
        case model.Decimal():
            precision, scale = (38, 9) if type_.numeric else (77, 38)
            return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
        case Fixed():
            return "bytes"
        case Enumeration():
            return "string"
        case Scalar():
            return _scalar_in_avro(type_.kind)
        case Union() | Recursive():
            raise TypeError("give the columns of the record")
        case _:
            assert_never(type_)


def _avro_record(name: str, fields: Sequence[tuple[str, Type]]) -> Any:
    parts = [{"name": each, "type": _avro_type(type_, f"{name}_{each}")} for each, type_ in fields]
    return {"type": "record", "name": name, "fields": parts}


def _scalar_in_avro(kind: Kind) -> Any:
    if kind in INSTANTS:
        return {"type": "long", "logicalType": "timestamp-micros"}
    if kind in _LOCAL:
        return {"type": "string", "sqlType": "DATETIME"}
    if kind in _TIMES:
        return {"type": "long", "logicalType": "time-micros"}
    if kind is Kind.DATE:
        return {"type": "int", "logicalType": "date"}
    return {Kind.INT: "long", Kind.FLOAT: "double", Kind.UUID: "string"}.get(kind, str(kind))


def _in_avro(type_: Type, value: Any) -> Any:
    match type_:
        case Optional():
            return None if value is None else _in_avro(type_.item, value)
        case Record():
            return {each.name: _in_avro(each.type, value[each.name]) for each in type_.fields}
        case Array():
            return [_in_avro(type_.items, each) for each in value]
        case Map():
            return [{"key": key, "value": _in_avro(type_.values, each)} for key, each in value.items()]
        case Scalar() if type_.kind in _LOCAL:
            return value.isoformat()
        case Scalar() if type_.kind is Kind.UUID:
            return str(value)
        case _:
            return value


def _arrow_type(type_: Type) -> pa.DataType:
    match type_:
        case Optional():
            return _arrow_type(type_.item)
        case Record():
            return pa.struct([(each.name, _arrow_type(each.type)) for each in type_.fields])
        case Array():
            return pa.list_(_arrow_type(type_.items))
        case Map():
            return pa.list_(pa.struct([("key", pa.string()), ("value", _arrow_type(type_.values))]))
        case model.Decimal():
            return pa.decimal128(38, 9) if type_.numeric else pa.decimal256(76, 38)
        case Fixed():
            return pa.binary()
        case Enumeration():
            return pa.string()
        case Scalar():
            return _ARROW[type_.kind]
        case Union() | Recursive():
            raise TypeError("give the columns of the record")
        case _:
            assert_never(type_)


def _in_arrow(type_: Type, value: Any) -> Any:
    match type_:
        case model.Decimal():
            scale = 9 if type_.numeric else 38
            return value.quantize(Decimal(1).scaleb(-scale), context=_WIDE)
        case Optional():
            return None if value is None else _in_arrow(type_.item, value)
        case Record():
            return {each.name: _in_arrow(each.type, value[each.name]) for each in type_.fields}
        case Array():
            return [_in_arrow(type_.items, each) for each in value]
        case Map():
            return [{"key": key, "value": _in_arrow(type_.values, each)} for key, each in value.items()]
        case _:
            return str(value) if isinstance(value, UUID) else value


def _packed(data: bytes, codec: str) -> bytes:
    match codec:
        case "null":
            return data
        case "deflate":
            packer = zlib.compressobj(wbits=-15)
            return packer.compress(data) + packer.flush()
        case "snappy":
            return bytes(pa.compress(data, codec="snappy", asbytes=True)) + zlib.crc32(data).to_bytes(4, "big")
        case _:
            return bytes(pa.compress(data, codec="zstd", asbytes=True))


def _text(text: str) -> bytes:
    return _long(len(text)) + text.encode()


def _long(number: int) -> bytes:
    number, packed = number << 1, bytearray()
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*packed, number])


_ARROW: Final = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.LONG: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.DOUBLE: pa.float64(),
    Kind.STRING: pa.string(),
    Kind.UUID: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.DATE: pa.date32(),
    **dict.fromkeys(_TIMES, pa.time64("us")),
    **dict.fromkeys(INSTANTS, pa.timestamp("us", "UTC")),
    **dict.fromkeys(_LOCAL, pa.timestamp("us")),
}
