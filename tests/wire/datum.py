"""Avro data of rows, written by nothing but the rules of ``docs/wire.md``: no Avro library, and nothing of Headrace.

A value is in the form of a row in ``docs/wire-vectors.json``: whole numbers and decimals are texts, bytes are
hexadecimal digits, times are texts, a map is a list of keys and values.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Named = dict[str, Any]


def datum(schema: Mapping[str, Any], row: Mapping[str, Any]) -> bytes:
    """One datum of *schema* with the values of *row*, which may have other columns, too."""
    return _record(schema, row, {})


def fields_of(schema: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, bytes]:
    """The bytes of each field, in the order of the schema."""
    return dict(_fields(schema, row, {}))


def varint(number: int) -> bytes:
    """A whole number: zigzag, then seven bits a byte, the lowest first."""
    rest, found = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def sized(data: bytes) -> bytes:
    """Bytes behind their number."""
    return varint(len(data)) + data


def block(*items: bytes, with_size: bool = False) -> bytes:
    """One block of an array or a map."""
    data = b"".join(items)
    return (varint(-len(items)) + varint(len(data)) if with_size else varint(len(items))) + data


def _record(schema: Mapping[str, Any], row: Mapping[str, Any], named: Named) -> bytes:
    return b"".join(data for _, data in _fields(schema, row, named))


def _fields(schema: Mapping[str, Any], row: Mapping[str, Any], named: Named) -> Iterator[tuple[str, bytes]]:
    for field in schema["fields"]:
        name, type_ = field["name"], field["type"]
        is_null = row.get(f"{name}_is_null") or (row[name] is None)
        yield (
            name,
            _union(type_, row[name], is_null, named) if isinstance(type_, list) else _value(type_, row[name], named),
        )


def _union(branches: list[Any], value: Any, is_null: bool, named: Named) -> bytes:
    if is_null:
        return varint(branches.index("null"))
    others = [each for each in branches if each != "null"]
    if len(others) == 1:
        return varint(branches.index(others[0])) + _value(others[0], value, named)
    (chosen,) = [each for each in others if value[f"{_name(each)}_value"] not in (None, [])]
    return varint(branches.index(chosen)) + _value(chosen, value[f"{_name(chosen)}_value"], named)


def _name(type_: Any) -> str:
    if isinstance(type_, str):
        return type_
    full = f"{type_['namespace']}.{type_['name']}" if "namespace" in type_ else type_.get("name", type_["type"])
    return str(full).replace(".", "_")


def _value(type_: Any, value: Any, named: Named) -> bytes:
    if isinstance(type_, list):
        return _union(type_, value, value is None, named)
    described = named.get(type_, {"type": type_}) if isinstance(type_, str) else type_
    if "name" in described:
        named[described["name"]] = described
    match described["type"]:
        case "record":
            return _record(described, value, named)
        case "array":
            wrapper = _wrapper(described["items"])
            items = [_value(described["items"], item[wrapper] if wrapper else item, named) for item in value]
            return (block(*items) if items else b"") + varint(0)
        case "map":
            entries = [
                sized(each["key"].encode()) + _value(described["values"], each["value"], named) for each in value
            ]
            return (block(*entries) if entries else b"") + varint(0)
        case "enum":
            return varint(described["symbols"].index(value))
        case "fixed":
            return _decimal(described, value, described["size"]) if _is_decimal(described) else bytes.fromhex(value)
        case _:
            return _scalar(described, value)


def _wrapper(items: Any) -> str | None:
    if isinstance(items, list):
        return "value"
    return "items" if isinstance(items, dict) and items["type"] in ("array", "map") else None


def _is_decimal(type_: Mapping[str, Any]) -> bool:
    return type_.get("logicalType") == "decimal"


def _scalar(type_: Mapping[str, Any], value: Any) -> bytes:
    match type_["type"]:
        case "boolean":
            return bytes([value])
        case "int" | "long":
            return varint(_whole(type_.get("logicalType", ""), value))
        case "float":
            return struct.pack("<f", float(value))
        case "double":
            return struct.pack("<d", float(value))
        case "bytes":
            return sized(_decimal(type_, value, None) if _is_decimal(type_) else bytes.fromhex(value))
        case "string":
            return sized(value.encode())
        case _:
            raise ValueError(f"no type of the vectors: {type_}")


def _decimal(type_: Mapping[str, Any], value: str, size: int | None) -> bytes:
    whole, _, fraction = value.partition(".")
    assert len(fraction) <= type_.get("scale", 0), "a decimal has no more digits than its scale"
    unscaled = int(whole + fraction.ljust(type_.get("scale", 0), "0"))
    bits = (unscaled if unscaled >= 0 else ~unscaled).bit_length() + 1
    return unscaled.to_bytes(size or (bits + 7) // 8, "big", signed=True)


def _whole(logical: str, value: str) -> int:
    match logical:
        case "":
            return int(value)
        case "date":
            return (date.fromisoformat(value) - EPOCH.date()).days
        case "time-millis" | "time-micros":
            micros = _micros(datetime.combine(EPOCH, time.fromisoformat(value), UTC))
        case _:
            moment = datetime.fromisoformat(value)
            micros = _micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    whole, finer = divmod(micros, 1000 if logical.endswith("millis") else 1)
    assert not finer, "a time is no finer than its type"
    return whole


def _micros(moment: datetime) -> int:
    gone = moment - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds
