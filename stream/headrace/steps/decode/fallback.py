"""Pure-Python fallback: makes columns of the values that the strict decoder reads, one payload after the other.

It is used if Headrace was built without a C compiler, and has the same results as the compiled decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas.columns import UNBOUNDED, Refused
from headrace.schemas.decoder import Decode, compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.layout import amplification, columns_of
from headrace.schemas.model import MAX_COLUMN_BYTES, Record
from headrace.steps.decode.content_hashes import content_hashes

# The most bytes of columns to hold as Python values, which take several times as much.
_PIECE: Final = 8 * 1024 * 1024


class _Writer(NamedTuple):
    record: Record  # its id() is the key, so it must live as long as this object
    decode: Decode


class FallbackColumns:
    """Columns of one reader, in pure Python."""

    def __init__(self, reader: Record) -> None:
        self._reader = reader
        self._fields = list(arrow_schema(reader))
        self._column = columns_of(reader)
        self._row, self._factor = self._column.width, 1 + amplification(reader)
        self._writers: dict[int, _Writer] = {}
        self._arrays: list[pa.Array] = []

    def read(self, writers: Sequence[Record], messages: list[bytes]) -> list[Refused]:
        """Append *messages*; see :class:`headrace.schemas.columns.Columns`."""
        return self.read_within(writers, messages, UNBOUNDED)[0]

    def read_within(self, writers: Sequence[Record], messages: list[bytes], room: int) -> tuple[list[Refused], int]:
        """Append messages while there is *room*; see :class:`headrace.schemas.columns.Columns`."""
        if len(writers) != len(messages):
            raise ValueError("not one writer for each message")
        decoders = [(self._writers.get(id(writer)) or self._compile(writer)).decode for writer in writers]
        refused: list[Refused] = []
        rows: list[list[Any]] = []
        taken = size = 0
        while taken < len(messages) and room > 0:
            message = messages[taken]
            try:
                rows.append(decoders[taken](message))
                size += self._most_bytes(message)
            except UndecodableError as error:
                refused.append(Refused(taken, error))
            taken += 1
            if size >= min(room, _PIECE):
                room -= self._append(rows)
                rows, size = [], 0
        self._append(rows)
        return refused, taken

    def content_hashes(self) -> bytes:
        """Return the hash of each row's content; see :class:`headrace.schemas.columns.Columns`."""
        return content_hashes(self._column, self._joined())

    def finish(self) -> Any:
        """Return a capsule of the columns, and start new ones."""
        joined = self._joined()
        self._arrays = []
        return joined.__arrow_c_array__()[1]

    def _joined(self) -> pa.StructArray:
        return pa.concat_arrays([pa.array([], pa.struct(self._fields)), *self._arrays])

    def _compile(self, writer: Record) -> _Writer:
        made = self._writers[id(writer)] = _Writer(writer, compile_decoder(writer, self._reader, by_column=True))
        return made

    def _most_bytes(self, message: bytes) -> int:
        """Return the most bytes that *message* can take in columns."""
        return self._row + min(len(message) * self._factor, MAX_COLUMN_BYTES + len(message))

    def _append(self, rows: list[list[Any]]) -> int:
        """Append *rows*, and return how many bytes their columns take."""
        if not rows:
            return 0
        columns = zip(*rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._fields, strict=True)]
        self._arrays.append(pa.StructArray.from_arrays(arrays, fields=self._fields))
        return int(self._arrays[-1].nbytes)
