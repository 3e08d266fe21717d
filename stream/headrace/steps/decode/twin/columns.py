"""Columns in Python: many messages are read at once, and what is unusual in one is left to the strict decoder.

A message that the steps cannot go over, or that holds what is no value of its type, has no row until the strict decoder
has read it: it says why the message is refused. Where it accepts (blocks without end, keys that look alike), or where
there are too few messages to be worth it, the row is of its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas.columns import UNBOUNDED, Refused
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES, Decode, compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.headers import HEADERS
from headrace.schemas.layout import amplification, columns_of
from headrace.schemas.model import MAX_COLUMN_BYTES, Record
from headrace.schemas.resolve import resolve_record
from headrace.steps.decode.twin.compiler import Sheet
from headrace.steps.decode.twin.parts import Places
from headrace.steps.decode.twin.steps import Open, Step
from headrace.steps.decode.twin.wire import Mask, Wire

FEW: Final = 200  # bytes: so many cost the strict decoder as much as one step costs for however many
_PIECE: Final = 32 * 1024 * 1024  # bytes of columns, at most, that are read at once: what is noted is as much again


class _Writer(NamedTuple):
    record: Record  # whose id it is known by: it stays as it is while this lives
    program: Step
    decode: Decode
    datum: bool  # whether its messages have no header, whatever they begin with


class PureColumns:
    """Columns in Python; messages of fewer than *few* bytes for each step are read one by one."""

    def __init__(self, reader: Record, few: int = FEW) -> None:
        self._reader, self._few = reader, few
        self._type = pa.struct(list(arrow_schema(reader)))
        self._sheet = Sheet(reader)
        self._row, self._factor = columns_of(reader).width, 1 + amplification(reader)
        self._writers: dict[int, _Writer] = {}
        self._read: list[pa.Array] = []

    def read(self, writers: Sequence[Record], messages: list[bytes]) -> list[Refused]:
        """Append *messages*, as :class:`headrace.schemas.columns.Columns` says."""
        return self.read_within(writers, messages, UNBOUNDED)[0]

    def read_within(self, writers: Sequence[Record], messages: list[bytes], room: int) -> tuple[list[Refused], int]:
        """Append messages as far as there is *room*, as :class:`headrace.schemas.columns.Columns` says."""
        if len(writers) != len(messages):
            raise ValueError("not one writer for each message")
        by = [self._writers.get(id(writer)) or self._compile(writer) for writer in writers]
        refused: list[Refused] = []
        arrays: list[pa.Array] = []
        taken = 0
        for first, taken in _pieces([self._weight(each) for each in messages]):
            arrays.append(self._piece(by[first:taken], messages[first:taken], first, refused))
            room -= arrays[-1].nbytes
            if room <= 0:
                break
        self._read += arrays
        return refused, taken

    def _weight(self, message: bytes) -> int:
        """The most bytes that a message takes in columns."""
        return self._row + min(len(message) * self._factor, MAX_COLUMN_BYTES + len(message))

    def finish(self) -> Any:
        """Give a capsule of the columns, and begin anew."""
        read, self._read = self._read, []
        if len(read) != 1:
            read = [pa.concat_arrays([pa.array([], self._type), *read])]
        return read[0].__arrow_c_array__()[1]

    def _compile(self, writer: Record) -> _Writer:
        program = self._sheet.program(resolve_record(writer, self._reader))
        datum = writer.datum or self._reader.datum
        made = _Writer(writer, program, compile_decoder(writer, self._reader), datum)
        self._writers[id(writer)] = made
        return made

    def _piece(self, by: list[_Writer], messages: list[bytes], first: int, refused: list[Refused]) -> pa.Array:
        """The rows of some messages, and in *refused* those that have none."""
        together: pa.Array | None = None
        bad: Sequence[int] = range(len(messages))
        programs = _programs(by)
        if sum(map(len, messages)) >= self._few * sum(writer.program.weight for writer, _ in programs):
            together, bad = self._together(programs, messages)
            if not len(bad):
                return together
        order = np.arange(len(messages))
        rows = []
        for index in bad:
            try:
                rows.append(by[index].decode(messages[index]))
                order[index] = len(messages) + len(rows) - 1
            except UndecodableError as error:
                refused.append(Refused(first + int(index), error))
                order[index] = -1
        alone = self._array(rows)
        if together is None:
            return alone
        return pa.concat_arrays([together, alone]).take(pa.array(order[order >= 0]))

    def _together(
        self, programs: list[tuple[_Writer, Places]], messages: list[bytes]
    ) -> tuple[pa.Array, Sequence[int]]:
        """A row for each message, and the indexes of those whose row is none."""
        reach = max(writer.program.reach for writer, _ in programs)
        wire = Wire(messages, self._sheet.back, reach, bytes(self._sheet.texts))
        try:
            doubtful = _doubtful(programs, wire)
            for writer, at in programs:
                wire.bad[at] = writer.program.walk(wire, wire.starts[at], wire.ends[at]) != wire.ends[at]
            wire.bad |= doubtful | (wire.ends - wire.starts > MAX_PAYLOAD_BYTES)
            self._settle(programs, wire, len(messages))
        finally:
            for writer, _ in programs:
                writer.program.begin()
        array = self._sheet.root.build(wire)
        wire.bad |= wire.taken > MAX_COLUMN_BYTES
        return array, np.flatnonzero(wire.bad).tolist()

    def _settle(self, programs: list[tuple[_Writer, Places]], wire: Wire, rows: int) -> None:
        """Put all values: level by level, for items have no place before all lengths of their lists are known."""
        self._sheet.root.begin(rows)
        open_: Open = []
        for writer, at in programs:
            writer.program.settle(wire, at, open_)
        while open_:
            lists, open_ = open_, []
            for items, at in lists:
                items.settle_items(wire, at, open_)

    def _array(self, rows: list[list[Any]]) -> pa.Array:
        columns = zip(*rows, strict=True) if rows else [()] * len(self._type)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._type, strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=list(self._type))


def _programs(by: list[_Writer]) -> list[tuple[_Writer, Places]]:
    """Each writer, and the messages that are of it."""
    ids = [*map(id, by)]
    writers = {id_: by[ids.index(id_)] for id_ in dict.fromkeys(ids)}
    if len(writers) == 1:
        return [(by[0], slice(None))]
    all_ = np.array(ids)
    return [(writer, np.flatnonzero(all_ == id_)) for id_, writer in writers.items()]


def _doubtful(programs: list[tuple[_Writer, Places]], wire: Wire) -> Mask:
    """Which messages begin as a header does and can be gone over behind it: the strict decoder decides on them."""
    doubtful = np.zeros(len(wire.starts), bool)
    first = wire.words[wire.starts]
    for header in HEADERS:
        magic, mask = int.from_bytes(header.magic, "little"), 256 ** len(header.magic) - 1
        begin = ((first & np.uint64(mask)) == np.uint64(magic)) & (wire.ends - wire.starts > header.length)
        if not np.count_nonzero(begin):
            continue
        for writer, at in programs:
            places = np.arange(len(begin))[at][begin[at]]
            if len(places) and not writer.datum:
                ends = wire.ends[places]
                doubtful[places] |= writer.program.walk(wire, wire.starts[places] + header.length, ends) == ends
                writer.program.begin()
    return doubtful


def _pieces(weights: list[int]) -> Iterator[tuple[int, int]]:
    """Cut messages of these *weights* into pieces that may be read at once."""
    first = size = 0
    for index, weight in enumerate(weights if sum(weights) > _PIECE else ()):
        size += weight
        if size > _PIECE and index > first:
            yield first, index
            first, size = index, weight
    if weights:
        yield first, len(weights)
