"""Lines out of CSV, NDJSON, Avro object files and Parquet: one after another, a file is never held whole.

A line that cannot be read is a line too, with what is wrong with it; the next one is read all the same.
"""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, TypeAlias

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.strict_json import InvalidJsonError, read_json
from stream.backfill.errors import BackfillError, CutOffError

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
BATCH_ROWS: Final = 1_000
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, *number* from 1 on as an editor counts (rows of Avro and Parquet: as they come).

    *raw* is the line as it came; *problem* says why there are no *values*, and holds none.
    """

    number: int
    raw: Callable[[], bytes] = field(repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problem: str = ""


Lines: TypeAlias = Iterator[Line]


class Reader:
    """The lines of one open file. *texts*: its values are texts; *uniform*: every line has all columns."""

    def __init__(self, place: str, kind: str, file: BinaryIO, delimiter: str) -> None:
        self.texts = kind == ".csv"
        self.uniform = kind not in (".ndjson", ".jsonl")
        self.lines: Lines = _named_errors(place, KINDS[kind](file, delimiter))


def _named_errors(place: str, lines: Lines) -> Lines:
    try:
        yield from lines
    except BackfillError as error:
        raise BackfillError(f"{place}: {error}") from error
    except (OSError, EOFError, ValueError, TypeError, LookupError, zlib.error, pa.ArrowException) as error:
        raise CutOffError(
            f"{place}: cannot be read any further ({type(error).__name__}); is it whole, and of the format its ending "
            "says? What could be read is written"
        ) from error


def _csv(file: BinaryIO, delimiter: str) -> Lines:
    consumed: list[bytes] = []

    def texts() -> Iterator[str]:
        for line in _physical(file):
            consumed.append(line)
            yield line.decode(errors="surrogateescape")

    rows = csv.reader(texts(), delimiter=delimiter, strict=True)
    header = next(rows, None)
    if header is None or len(set(header)) != len(header):
        raise BackfillError("a CSV begins with a line of column names, each once; add one")
    while True:
        first = rows.line_num + 1
        consumed.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(first, _joined(consumed), problem=f"not a line of CSV ({error})")
            continue
        if not row:
            continue
        if len(row) != len(header):
            problem = f"{len(row)} columns where there are {len(header)} names"
            yield Line(first, _joined(consumed), problem=problem)
        else:
            yield Line(first, _joined(consumed), dict(zip(header, row, strict=True)))


def _joined(consumed: list[bytes]) -> Callable[[], bytes]:
    pieces = list(consumed)
    return lambda: b"".join(pieces)


def _ndjson(file: BinaryIO, delimiter: str) -> Lines:
    for number, line in enumerate(_physical(file), 1):
        if not line.strip():
            continue
        raw = _joined([line])
        try:
            value = read_json(line)
        except InvalidJsonError as error:
            yield Line(number, raw, problem=error.why)
        else:
            if isinstance(value, dict):
                yield Line(number, raw, value)
            else:
                yield Line(number, raw, problem="JSON, but no object")


def _physical(file: BinaryIO) -> Iterator[bytes]:
    """Lines as bytes; one that is too long comes in pieces, each of which will be refused."""
    first = True
    while line := file.readline(MAX_LINE_BYTES):
        yield line.removeprefix(_BOM) if first else line
        first = False


def _avro(file: BinaryIO, delimiter: str) -> Lines:
    for number, values in enumerate(fastavro.reader(file), 1):
        if isinstance(values, dict):
            yield Line(number, _as_json(values), values)
        else:
            yield Line(number, _as_json(values), problem="not a record")


def _parquet(file: BinaryIO, delimiter: str) -> Lines:
    number = 0
    whole = pq.ParquetFile(file, coerce_int96_timestamp_unit="us", pre_buffer=False)
    for batch in whole.iter_batches(BATCH_ROWS):
        names = batch.schema.names
        columns = [_whole_micros(column).to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            number += 1
            values = dict(zip(names, row, strict=True))
            yield Line(number, _as_json(values), values)


def _whole_micros(column: pa.Array) -> pa.Array:
    """Nanoseconds cut to microseconds: Python's times have no finer ones."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    if pa.types.is_time64(column.type) and column.type.unit == "ns":
        return column.cast(pa.time64("us"), safe=False)
    return column


def _as_json(values: Any) -> Callable[[], bytes]:
    return lambda: json.dumps(values, default=str, ensure_ascii=False).encode(errors="surrogatepass")


KINDS: Final[Mapping[str, Callable[[BinaryIO, str], Lines]]] = {
    ".csv": _csv,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
    ".avro": _avro,
    ".parquet": _parquet,
}
WHOLE: Final = frozenset({".parquet"})  # read from their end
