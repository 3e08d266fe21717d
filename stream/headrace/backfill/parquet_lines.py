"""Lines of Parquet. A value that Python cannot represent becomes ``Unreadable``; all others are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.file_line import NUMBER_OUT_OF_RANGE, Content, Lines, Unreadable, line_of_row, why_unreadable

BATCH_ROWS: Final = 1_000
BATCH_BYTES: Final = 32 * 1024 * 1024
BOMB_BYTES: Final = 64 * 1024 * 1024  # unpacked size of one column of a row group
MAX_RATIO: Final = 200  # of unpacked to packed size, for columns larger than BOMB_BYTES
_DAY: Final = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_FAILED: Final = (ValueError, ArithmeticError, LookupError, pa.ArrowException)


def parquet_content(file: BinaryIO, delimiter: str) -> Content:
    """Return the columns and lines of a Parquet file.

    Raises:
        BackfillError: two columns have the same name, or one unpacks to far more than the file holds.
    """
    whole = pq.ParquetFile(file, pre_buffer=False)
    _check_sizes(whole.metadata)
    names = tuple(whole.schema_arrow.names)
    if len(set(names)) != len(names):
        raise BackfillError("two of its columns have the same name")
    # Keep texts of a dictionary in it: a short file may refer to a long text many times.
    whole = pq.ParquetFile(
        file, coerce_int96_timestamp_unit="us", pre_buffer=False, read_dictionary=_in_dictionaries(whole)
    )
    return Content(names, _lines(whole))


def _lines(whole: pq.ParquetFile) -> Lines:
    number = 0
    for batch in whole.iter_batches(_batch_rows(whole.metadata)):
        names = batch.schema.names
        columns, checked = _columns(batch)
        for row in zip(*columns, strict=True):
            number += 1
            yield line_of_row(number, dict(zip(names, row, strict=True)), checked)


def _columns(batch: pa.RecordBatch) -> tuple[list[Any], bool]:
    """Return the values of each column, and whether all of them can be read."""
    columns, checked = [], True
    for column in batch.columns:
        values = _quick_values(column)
        if values is None:
            values, checked = list(_careful_values(column)), False
        columns.append(values)
    return columns, checked


def _quick_values(column: pa.Array) -> list[Any] | None:
    try:
        if pa.types.is_dictionary(column.type):
            return _of_dictionary(column)
        column = column.cast(_read_as(column.type))
        return None if _has_other_times(column) else column.to_pylist()
    except _FAILED:
        return None


def _careful_values(column: pa.Array) -> Iterator[Any]:
    for place in range(len(column)):
        one = column.slice(place, 1)
        try:
            if pa.types.is_dictionary(one.type):
                one = one.dictionary_decode()
            one = one.cast(_read_as(one.type))
            yield Unreadable(NUMBER_OUT_OF_RANGE, _raw(one)) if _has_other_times(one) else one[0].as_py()
        except _FAILED as error:
            yield Unreadable(why_unreadable(error), _raw(one))


def _of_dictionary(column: pa.DictionaryArray) -> list[Any]:
    """Return the values of a dictionary column, with one object for all rows of the same value."""
    dictionary, known = column.dictionary, {None: None}
    values: list[Any] = []
    for index in column.indices.to_pylist():
        if index not in known:
            known[index] = dictionary[index].as_py()
        values.append(known[index])
    return values


def _raw(one: pa.Array) -> Any:
    """Return the file's value for the dead letter: a number, or bytes."""
    value = one[0]
    try:
        return getattr(value, "value", None) if pa.types.is_temporal(one.type) else value.as_buffer().to_pybytes()
    except (AttributeError, *_FAILED):
        return str(one.type)


def _read_as(type_: pa.DataType) -> pa.DataType:
    """Return *type_* for Python, at any depth: microseconds replace nanoseconds, and UTC replaces unknown zones."""
    if pa.types.is_timestamp(type_):
        unit = "us" if type_.unit == "ns" else type_.unit
        return pa.timestamp(unit, type_.tz if _is_zone(type_.tz) else "UTC")
    if pa.types.is_time64(type_):
        return pa.time64("us")
    if pa.types.is_struct(type_):
        return pa.struct([each.with_type(_read_as(each.type)) for each in type_])
    if pa.types.is_map(type_):
        return pa.map_(type_.key_field.with_type(_read_as(type_.key_type)), _item_as(type_.item_field))
    if pa.types.is_fixed_size_list(type_):
        return pa.list_(_item_as(type_.value_field), type_.list_size)
    if pa.types.is_large_list(type_):
        return pa.large_list(_item_as(type_.value_field))
    return pa.list_(_item_as(type_.value_field)) if pa.types.is_list(type_) else type_


def _item_as(field: pa.Field) -> pa.Field:
    return field.with_type(_read_as(field.type))


def _is_zone(name: str | None) -> bool:
    try:
        return name is None or pa.lib.string_to_tzinfo(name) is not None
    except (ValueError, LookupError):
        return False


def _has_other_times(column: pa.Array) -> bool:
    """Return whether a time of day is outside a day; Python would convert it to a wrong time."""
    type_ = column.type
    if pa.types.is_time(type_):
        numbers = column.view(pa.int32() if pa.types.is_time32(type_) else pa.int64())
        ends = pc.min_max(numbers).as_py()
        return ends["min"] is not None and not (ends["min"] >= 0 and ends["max"] < _DAY[type_.unit])
    if pa.types.is_struct(type_):
        return any(map(_has_other_times, column.flatten()))
    if pa.types.is_map(type_):
        return _has_other_times(column.keys) or _has_other_times(column.items)
    return pa.types.is_nested(type_) and hasattr(column, "flatten") and _has_other_times(column.flatten())


def _check_sizes(metadata: pq.FileMetaData) -> None:
    for column in _chunks(metadata):
        unpacked, packed = column.total_uncompressed_size, max(column.total_compressed_size, 1)
        if unpacked > BOMB_BYTES and unpacked > MAX_RATIO * packed:
            raise BackfillError(
                f"a column that unpacks to {unpacked:,} bytes, {unpacked // packed:,} times what the file holds; write "
                "it anew without compression if that is correct"
            )


def _in_dictionaries(whole: pq.ParquetFile) -> list[str]:
    """Return the text columns of which every row group has a dictionary."""
    kept: dict[str, bool] = {}
    for column in _chunks(whole.metadata):
        text = column.physical_type == "BYTE_ARRAY" and "." not in column.path_in_schema
        is_kept = text and any("DICTIONARY" in each for each in column.encodings)
        kept[column.path_in_schema] = is_kept and kept.get(column.path_in_schema, True)
    types = {each.name: each.type for each in whole.schema_arrow}
    return [name for name, is_kept in kept.items() if is_kept and name in types and _is_text(types[name])]


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_binary(type_))


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """Return the number of rows for which a batch fits into memory, if all rows have about the same size."""
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    widest = max((each.total_byte_size // max(each.num_rows, 1) for each in groups), default=0)
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(widest, 1)))


def _chunks(metadata: pq.FileMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            yield metadata.row_group(group).column(column)
