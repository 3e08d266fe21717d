"""Decoder of many messages into Arrow columns, by the compiled module.

Without the compiled module, the job uses the pure-Python fallback (:mod:`headrace.steps.decode.fallback`). Both refuse
the same messages with the same words, and a refused message leaves nothing in the columns.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, assert_never

from headrace.schemas.compiled_modules import PURE, fallback_wanted, load_compiled
from headrace.schemas.containers import FAILURES, NO_BRANCH, joined, placed
from headrace.schemas.content import content_plan
from headrace.schemas.decimal_limits import too_many_digits, wrong_length
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.errors import CompiledModuleError, UndecodableError
from headrace.schemas.headers import two_readings
from headrace.schemas.json_text import NOT_JSON, is_json, json_fault
from headrace.schemas.layout import columns_of, pack
from headrace.schemas.model import MAX_COLUMN_BYTES, MAX_ITEMS, Decimal, Kind, Record, Scalar
from headrace.schemas.program import INSTRUCTION_BYTES, OPERAND_OFFSET, Place, Program, compile_program
from headrace.schemas.resolve import resolve_record
from headrace.schemas.scalars import BOUNDS, Read, scalar_reader
from headrace.schemas.shared_constants import Status, shared_constants
from headrace.schemas.union_readers import UNREADABLE

UNBOUNDED: Final = 2**62  # bytes of columns
_BUG: Final = "this is a bug, please report it"


class Refused(NamedTuple):
    """A message that is not one datum of its contract: its index among the messages read, and the error."""

    message: int
    error: UndecodableError


class Columns(Protocol):
    """Columns of one reader: decodes messages of any of its writers, and returns Arrow columns."""

    def read(self, writers: Sequence[Record], messages: list[bytes]) -> list[Refused]:
        """Append *messages*, each by the record that wrote it. Refused messages leave nothing in the columns.

        Raises the same errors as :meth:`read_within`.
        """

    def read_within(self, writers: Sequence[Record], messages: list[bytes], room: int) -> tuple[list[Refused], int]:
        """Append messages until the columns take *room* bytes or slightly more, but at least one message.

        Returns:
            The refused messages, and the number of messages read.

        Raises:
            ContractError: the reader cannot read events of one of *writers*.
            ValueError: there are not as many *writers* as *messages*.
        """

    def content_hashes(self) -> bytes:
        """Return the hash of the content of each row in the columns (:mod:`headrace.schemas.content`), as int64."""

    def finish(self) -> Any:
        """Return the columns of all messages since the last call, and start new ones.

        The result is a capsule named ``arrow_array`` (Arrow's C data interface) that holds one struct, the record.
        """


def compiled_module() -> Any:
    """Return the compiled module; None if it is missing, or if the fallback is selected.

    Raises:
        CompiledModuleError: the module was built from other sources than the Python code.
    """
    return load_compiled("headrace._columns", shared_constants)


def decoder_kind() -> str:
    """Return the name of the decoder in use."""
    return "pure-Python fallback" if compiled_module() is None else "compiled"


def fallback_remedy() -> str | None:
    """Return a remedy that enables the compiled decoder; None if it is in use already."""
    if fallback_wanted():
        return f"unset the environment variable {PURE}"
    if compiled_module() is None:
        return "install a wheel of headrace-schemas for this platform, or a C compiler and build headrace-schemas again"
    return None


class _Writer(NamedTuple):
    record: Record  # the writers are looked up by its id(), which stays valid while this reference exists
    program: Program
    compiled: Any  # the program, as an object of the compiled module


class CompiledColumns:
    """Columns that the compiled module fills."""

    def __init__(self, reader: Record, module: Any) -> None:
        self._module = module
        self._reader = reader
        self._column = columns_of(reader)
        self.layout = pack(self._column)
        secret = os.urandom(16)
        self._columns = module.Columns(self.layout, (int.from_bytes(secret[:8]), int.from_bytes(secret[8:])), is_json)
        self._content = content_plan(self._column)
        self._writers: dict[int, _Writer] = {}

    def read(self, writers: Sequence[Record], messages: list[bytes]) -> list[Refused]:
        """Append *messages*; see :class:`Columns`."""
        return self.read_within(writers, messages, UNBOUNDED)[0]

    def read_within(self, writers: Sequence[Record], messages: list[bytes], room: int) -> tuple[list[Refused], int]:
        """Append messages while there is *room*; see :class:`Columns`."""
        compiled = [self._writers.get(id(writer)) or self._compile(writer) for writer in writers]
        programs = [each.compiled for each in compiled]
        refusals, taken = self._columns.append(programs, messages, self._column.width, room)
        refused = [
            Refused(index, _error(compiled[index].program, Status(status), failed_at, offset, indexes, messages[index]))
            for index, status, failed_at, offset, indexes in refusals
        ]
        return refused, taken

    def content_hashes(self) -> bytes:
        """Return the hash of each row's content; see :class:`Columns`."""
        return bytes(self._columns.content_hashes(*self._content))

    def finish(self) -> Any:
        """Return a capsule of the columns, and start new ones."""
        return self._columns.finish()

    def program(self, writer: Record) -> Program:
        """Compile the program that reads messages of *writer*; raises ContractError if the reader cannot read them."""
        return compile_program(resolve_record(writer, self._reader), self._column)

    def _compile(self, writer: Record) -> _Writer:
        program = self.program(writer)
        datum = writer.datum or self._reader.datum
        compiled = self._module.Program(
            self.layout,
            program.code,
            program.numbers,
            program.symbols,
            program.texts,
            datum,
            writer.header,
            tuple(map(_guarded, program.readers)),
        )
        self._writers[id(writer)] = made = _Writer(writer, program, compiled)
        return made


_REASONS: Final = {
    Status.ENDS: "ends in the middle",
    Status.BEYOND_64_BITS: "an integer of more than 64 bits",
    Status.LONGER_THAN_NEEDED: "an integer longer than it needs to be",
    Status.NEGATIVE_LENGTH: "a negative length",
    Status.NO_BRANCH: NO_BRANCH,
    Status.UNREADABLE: UNREADABLE,
    Status.NO_BOOLEAN: "neither true nor false",
    Status.NOT_UTF8: "not UTF-8",
    Status.NO_UUID: "not a UUID",
    Status.NO_SYMBOL: "no symbol of its enum",
    Status.TOO_MANY_ITEMS: f"more than {MAX_ITEMS} items",
    Status.MORE_ITEMS_THAN_BYTES: "more items than bytes",
    Status.BLOCK_SIZE: "a block of another size than it says",
    Status.DUPLICATE_KEY: "a key occurs twice",
    Status.TOO_WIDE: f"columns of more than {MAX_COLUMN_BYTES} bytes",
}


def _error(
    program: Program, status: Status, failed_at: int, offset: int, indexes: Sequence[int], message: bytes
) -> UndecodableError:
    if status is Status.TOO_LARGE:
        return UndecodableError(f"larger than {MAX_PAYLOAD_BYTES} bytes")
    if status is Status.BYTES_FOLLOW:
        return UndecodableError(f"{len(message) - offset} bytes follow the last field", offset=offset)
    if status is Status.TWO_READINGS:
        return two_readings(offset)
    place = program.places[failed_at]
    if status is Status.BAD_SUBTREE:
        return _subtree_error(program, failed_at, message, offset, _path(place, indexes))
    if status is Status.NOT_JSON:
        why = _json_fault(message, offset)
    else:
        why = _REASONS.get(status) or _why_not(status, place.type)
    return UndecodableError(why, _path(place, indexes), offset)


def _why_not(status: Status, type_: Scalar | Decimal | None) -> str:
    """Return why a number is refused that a value of *type_* does not hold."""
    match type_:
        case Scalar(kind):
            return BOUNDS[kind].why
        case Decimal():
            return too_many_digits(type_) if status is Status.TOO_MANY_DIGITS else wrong_length(type_)
        case None:
            raise CompiledModuleError(f"the compiled module refuses {status.name} where no number is; {_BUG}")
        case _:
            assert_never(type_)


def _guarded(read: Read) -> Callable[[bytes, int], tuple[bytes, int] | None]:
    """Return a function for the compiled module: the text that *read* reads, and its end; None if it is refused."""

    def guarded(message: bytes, position: int) -> tuple[bytes, int] | None:
        try:
            text, end = read(message, position)
        except FAILURES:
            return None
        return text.encode(), end

    return guarded


def _subtree_error(program: Program, failed_at: int, message: bytes, offset: int, path: str) -> UndecodableError:
    """Return why the record within itself at *offset*, which its reader has refused, is refused."""
    (reader,) = struct.unpack_from("=i", program.code, failed_at * INSTRUCTION_BYTES + OPERAND_OFFSET)
    try:
        program.readers[reader](message, offset)
    except FAILURES as error:
        failure = placed(error, offset)
        inside = joined(failure.path)
        return UndecodableError(failure.why, joined([path, inside]) if inside else path, failure.offset)
    raise CompiledModuleError(f"the compiled module and a reader in Python disagree; {_BUG}")


def _json_fault(message: bytes, offset: int) -> str:
    """Return why the text at *offset*, which the compiled module has refused, is not JSON."""
    text, _ = scalar_reader(Kind.STRING)(message, offset)
    return json_fault(text) or NOT_JSON


def _path(place: Place, indexes: Sequence[int]) -> str:
    left = iter(indexes)
    return joined([f"[{next(left)}]" if part is None else part for part in place.path])
