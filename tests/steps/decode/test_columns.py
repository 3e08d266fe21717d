"""Columns, compiled and of the fallback: what the strict decoder reads, in the words in which it refuses."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import Any

import numpy
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas import columns
from headrace.schemas.compiled_modules import PURE
from headrace.schemas.decimal_limits import BIGNUMERIC
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.json_text import is_json
from headrace.schemas.model import MAX_COLUMN_BYTES, Record
from headrace.schemas.program import Code
from headrace.schemas.registry import Contract
from headrace.steps.decode.fallback import FallbackColumns
from headrace.steps.decode.record_batch import columns_for, to_batch
from tests.support.builders import (
    BOOKING,
    BOOKING_V1,
    MOMENT,
    a_booking,
    a_booking_v1,
    a_contract,
    a_decimal,
    a_record,
    encode,
)
from tests.support.readers import KINDS, NEEDS_C, columns_of, ordered, rows
from tests.support.strategies import FIXED_PROFILE, contracts, damaged, events
from tests.support.versions import versions

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def strictly(writer: Record, reader: Record, messages: list[bytes]) -> tuple[list[str], list[Any]]:
    """What the strict decoder reads, each row's repr, and what it refuses: index, words, path and byte."""
    decode = compile_decoder(writer, reader)
    read, refused = [], []
    for index, message in enumerate(messages):
        try:
            read.append(repr(ordered(decode(message))))
        except UndecodableError as error:
            refused.append((index, error.why, error.path, error.offset, str(error)))
    return read, refused


def into_columns(kind: str, writer: Record, reader: Record, messages: list[bytes]) -> tuple[list[str], list[Any]]:
    these = columns_of(kind, reader)
    refused = these.read([writer] * len(messages), messages)
    errors = [(index, error.why, error.path, error.offset, str(error)) for index, error in refused]
    return [repr(ordered(row)) for row in rows(these, reader)], errors


@EACH_KIND
@settings(FIXED_PROFILE, max_examples=60)
@given(data=st.data())
def test_columns_hold_what_the_strict_decoder_reads_and_refuse_what_it_refuses(kind: str, data: st.DataObject) -> None:
    older, newer = data.draw(versions())
    messages = [
        damaged(data, encode(older, data.draw(events(older.record)))) for _ in range(data.draw(st.integers(1, 8)))
    ]

    wanted = strictly(older.record, newer.record, messages)
    assert into_columns(kind, older.record, newer.record, messages) == wanted


@EACH_KIND
@settings(FIXED_PROFILE, max_examples=100)
@given(data=st.data())
def test_arbitrary_bytes_are_refused_in_the_words_of_the_strict_decoder(kind: str, data: st.DataObject) -> None:
    contract = data.draw(contracts())
    byte = st.sampled_from([0, 1, 2, 3, 4, 0x7E, 0x80, 0x81, 0xFE, 0xFF]) | st.integers(0, 255)
    messages = [bytes(each) for each in data.draw(st.lists(st.lists(byte, max_size=40), min_size=1, max_size=12))]

    wanted = strictly(contract.record, contract.record, messages)
    assert into_columns(kind, contract.record, contract.record, messages) == wanted


@EACH_KIND
@FIXED_PROFILE
@given(data=st.data())
def test_columns_are_of_exactly_the_types_of_the_table(kind: str, data: st.DataObject) -> None:
    contract = data.draw(contracts())
    schema = arrow_schema(contract.record)
    these = columns_of(kind, contract.record)
    payloads = [encode(contract, data.draw(events(contract.record))) for _ in range(3)]
    assert these.read([contract.record] * 3, payloads) == []

    batch = to_batch(these.finish(), schema)
    batch.validate(full=True)
    assert batch.schema.equals(schema)
    decode = compile_decoder(contract.record, contract.record)
    listed = zip(*(decode(payload) for payload in payloads), strict=True)
    wanted = [pa.array(column, field.type) for column, field in zip(listed, schema, strict=True)]
    again = pa.RecordBatch.from_arrays(wanted, schema=schema)
    assert pa.ipc.read_record_batch(batch.serialize(), schema).equals(batch) or has_nan(batch)
    assert repr(batch.to_pylist()) == repr(again.to_pylist())


def has_nan(batch: pa.RecordBatch) -> bool:
    return "nan" in repr(batch.to_pylist())


@EACH_KIND
@pytest.mark.parametrize(
    ("decimal", "value", "why"),
    [
        (a_decimal(9, 2), b"\x08\x7f\xff\xff\xff", "more digits than its precision"),
        (a_decimal(9, 2), b"\x00", "a decimal of no bytes or of too many"),
        (a_decimal(64, 2), b"\x22" + (10**40).to_bytes(17), f"more digits than its column: {BIGNUMERIC}"),
        (
            a_decimal(64, 2),
            b"\x34\x7f" + bytes(25),
            f"a decimal of no bytes or of too many for its column: {BIGNUMERIC}",
        ),
        (a_decimal(64, 2, 27), b"\x7f" + bytes(26), f"more digits than its column: {BIGNUMERIC}"),
    ],
)
def test_a_decimal_beyond_its_column_is_refused_by_the_limit_of_the_column(
    kind: str, decimal: Any, value: bytes, why: str
) -> None:
    record = a_contract(("f", ["null", decimal])).record
    messages = [b"\x02" + value + bytes(8)]

    _, refused = into_columns(kind, record, record, messages)
    assert refused == strictly(record, record, messages)[1]
    assert [each[1:3] for each in refused] == [(why, "f")]


@EACH_KIND
@pytest.mark.parametrize("follows", [b"", b"\0", bytes(12)])
def test_integers_are_refused_in_every_spelling_but_one(kind: str, follows: bytes) -> None:
    contract = a_contract(("number", "long"), ("decimal", a_decimal(76, 38)), ("exact", a_decimal(38, 0, 40)))
    spelled = [b"\xff" * ones + bytes([last]) for ones in range(12) for last in (0, 1, 2, 0x40, 0x7F, 0x80)]
    high = [10**76 - 1, 10**76, 1 - 10**76, -(10**76), -1, 0, 127, -128, 2**255 - 1, -(2**255), 2**64, -(2**64), 2**128]
    decimals = [number.to_bytes(length, "big", signed=True) for number in high for length in (32, 33)]
    messages = [each + follows for each in spelled]
    messages += [b"\2" + bytes([2 * len(each)]) + each + bytes(40) + b"\0" for each in decimals]
    exact = [number.to_bytes(40, "big", signed=True) for number in (*high, 10**38 - 1, 10**38, -(10**38), 2**319 - 1)]
    messages += [b"\2\2\0" + each + b"\0" for each in exact]

    wanted = strictly(contract.record, contract.record, messages)
    assert into_columns(kind, contract.record, contract.record, messages) == wanted
    assert len(wanted[0]) > 10


@NEEDS_C
def test_memory_is_given_back() -> None:
    these = columns_for(BOOKING.record)
    payload = encode(BOOKING, a_booking())
    messages = [payload, payload[:-3], payload + b"x", b""] * 50
    resident = []
    for _ in range(3):
        for _ in range(150):
            these.read([BOOKING.record] * len(messages), messages)
            to_batch(these.finish(), arrow_schema(BOOKING.record))
        resident.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert resident[2] - resident[0] < 4_000, "KiB, after 300 rounds of 40 KiB each"


@EACH_KIND
def test_two_versions_are_read_into_one_batch_in_the_order_in_which_they_came(kind: str) -> None:
    these = columns_of(kind, BOOKING.record)
    old, new = encode(BOOKING_V1, a_booking_v1(notes="old")), encode(BOOKING, a_booking(notes="new"))

    writers = [BOOKING_V1.record, BOOKING_V1.record, BOOKING.record, BOOKING.record, BOOKING_V1.record, BOOKING.record]
    refused = these.read(writers, [old, old[:-1], b"", new, old, new[:-1]])
    assert [(each.message, each.error.path) for each in refused] == [(1, "labels"), (2, "booking_id"), (5, "tags")]
    place = [field.name for field in BOOKING.record.fields].index("notes")
    assert [row[place] for row in rows(these, BOOKING.record)] == ["old", "new", "old"]
    assert rows(these, BOOKING.record) == [], "what is finished is given away"


@EACH_KIND
def test_a_message_cut_anywhere_leaves_its_neighbours_as_they_are(kind: str) -> None:
    payload = encode(BOOKING, a_booking())
    these = columns_of(kind, BOOKING.record)
    for length in range(len(payload)):
        these.read([BOOKING.record], [payload])
        assert len(these.read([BOOKING.record], [payload[:length]])) == 1

    read = rows(these, BOOKING.record)
    assert len(read) == len(payload)
    assert all(row == read[0] for row in read)
    assert read[0] == compile_decoder(BOOKING.record, BOOKING.record)(payload)


@pytest.mark.parametrize("kind", ["values", *KINDS])
def test_small_items_may_not_become_large_columns(kind: str) -> None:
    item = a_record("Item", ("a", "int"))
    added = {"default": "x" * 1000}
    old = a_contract(("items", {"type": "array", "items": item}))
    new = a_contract(("items", {"type": "array", "items": a_record("Item", ("a", "int"), ("b", "string", added))}))
    fits = MAX_COLUMN_BYTES // (4 + 4 + 1000)
    few, many = (encode(old, {"items": [{"a": 1}] * count, "at": MOMENT}) for count in (fits, fits + 1))

    if kind == "values":
        decode = compile_decoder(old.record, new.record)
        assert len(decode(few)[0]) == fits
        with pytest.raises(UndecodableError) as raised:
            decode(many)
        error = raised.value
    else:
        these = columns_of(kind, new.record)
        assert these.read([old.record], [few]) == []
        ((_, error),) = these.read([old.record], [many])
    assert str(error) == f"items: columns of more than {MAX_COLUMN_BYTES} bytes at byte 0"


@EACH_KIND
def test_many_keys_of_any_form_are_distinguished(kind: str) -> None:
    contract = a_contract(("labels", {"type": "map", "values": "int"}))
    these = columns_of(kind, contract.record)
    keys = [f"{number}" for number in range(3000)] + ["", "é", "\0", "\0\0"]
    payload = encode(contract, {"labels": dict.fromkeys(keys, 1), "at": MOMENT})
    twice = payload.replace(b"\x082999", b"\x081234")

    assert these.read([contract.record], [payload]) == []
    ((_, error),) = these.read([contract.record], [twice])
    assert (error.path, error.why) == ("labels[2999].key", "a key occurs twice")


def test_the_fallback_is_taken_when_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PURE, "1")

    assert isinstance(columns_for(BOOKING.record), FallbackColumns)


def test_the_fallback_is_taken_where_the_compiled_module_is_missing() -> None:
    program = (
        "import sys; sys.modules['headrace._columns'] = None; from headrace.steps.decode import record_batch;"
        "import headrace.schemas.registry as r;"
        "from headrace.schemas.samples import SAMPLES;"
    )
    program += (
        "print(type(record_batch.columns_for(r.Registry.load(SAMPLES).latest('flight_departed').record)).__name__)"
    )
    environment = {name: value for name, value in os.environ.items() if name != PURE}

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "FallbackColumns\n"


@NEEDS_C
@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 99), (1, 4), (1, 1), (2, 10_000), (2, 0), (2, -1), (2, 2), (3, 0), (3, 10_000), (4, 10_000), (4, -5)],
    ids=[
        "code",
        "branch",
        "null",
        "column",
        "root",
        "none",
        "twice",
        "backwards",
        "beyond",
        "table",
        "before the table",
    ],
)
def test_a_program_that_would_leave_its_tables_is_refused(place: int, value: int) -> None:
    module = columns.compiled_module()
    contract = a_contract(("a", "long"))
    these = columns.CompiledColumns(contract.record, module)
    program = these.program(contract.record)
    code = bytearray(program.code)
    code[place * 4 : place * 4 + 4] = value.to_bytes(4, sys.byteorder, signed=True)

    assert module.Program(these.layout, program.code, program.numbers, program.symbols, program.texts)
    with pytest.raises(ValueError, match="invalid program"):
        module.Program(these.layout, bytes(code), program.numbers, program.symbols, program.texts)


@NEEDS_C
@pytest.mark.parametrize("value", [-1, 2])
@pytest.mark.parametrize("next_instruction", [0, 10_000])
def test_a_program_whose_items_end_elsewhere_is_refused(value: int, next_instruction: int) -> None:
    module = columns.compiled_module()
    record = a_contract(("a", {"type": "array", "items": "long"}), ("b", "long")).record
    these = columns.CompiledColumns(record, module)
    program = these.program(record)
    code = numpy.frombuffer(program.code, numpy.int32).reshape(-1, 6).copy()
    code[0, 3] = next_instruction if value == 2 else value
    with pytest.raises(ValueError, match="invalid program"):
        module.Program(these.layout, code.tobytes(), program.numbers, program.symbols, program.texts)


@NEEDS_C
@pytest.mark.parametrize(("place", "value"), [(0, -1), (0, 99), (1, -1), (1, 4)])
def test_a_program_that_skips_with_an_unknown_instruction_is_refused(place: int, value: int) -> None:
    """No column says what a skipped value may be."""
    module = columns.compiled_module()
    reader, writer = a_contract(("a", "long")).record, a_contract(("a", "long"), ("b", "long")).record
    these = columns.CompiledColumns(reader, module)
    program = these.program(writer)
    code = numpy.frombuffer(program.code, numpy.int32).reshape(-1, 6).copy()
    (skipped,) = numpy.flatnonzero(code[:, 2] < 0)
    code[skipped, place] = value
    with pytest.raises(ValueError, match="invalid program"):
        module.Program(these.layout, code.tobytes(), program.numbers, program.symbols, program.texts)


@NEEDS_C
@pytest.mark.parametrize(
    ("place", "value"),
    [(1, 1), (2, 1), (3, -1), (3, 1), (4, 99), (4, -1), (6, 13)],
    ids=[
        "a branch",
        "a column",
        "ends before its value",
        "ends behind it",
        "table",
        "before the table",
        "a default in it",
    ],
)
def test_a_program_with_an_unsound_default_is_refused(place: int, value: int) -> None:
    module = columns.compiled_module()
    reader = a_contract(("a", "long"), ("b", "long", {"default": 5})).record
    these = columns.CompiledColumns(reader, module)
    program = these.program(a_contract(("a", "long")).record)
    code = numpy.frombuffer(program.code, numpy.int32).reshape(-1, 6).copy()
    (at,) = numpy.flatnonzero(code[:, 0] == Code.DEFAULT)
    row = code.reshape(-1)[6 * at :]
    row[place] = row[3] + value if place == 3 else value

    assert module.Program(these.layout, program.code, program.numbers, program.symbols, program.texts)
    with pytest.raises(ValueError, match="invalid program"):
        module.Program(these.layout, code.tobytes(), program.numbers, program.symbols, program.texts)


def values_read(kind: str, contract: Contract, values: list[Any]) -> list[Any]:
    """The field ``a`` of events with these *values*, as columns hold them."""
    these = columns_of(kind, contract.record)
    messages = [encode(contract, {"a": each, "at": MOMENT}) for each in values]
    assert these.read([contract.record] * len(messages), messages) == []
    return [row[0] for row in rows(these, contract.record)]


@EACH_KIND
def test_the_first_and_the_last_character_of_each_length_is_read(kind: str) -> None:
    texts = [chr(code) for code in (0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF)]
    assert values_read(kind, a_contract(("a", "string")), texts) == texts


@EACH_KIND
def test_arrays_are_read_as_deep_as_they_may_be_nested(kind: str) -> None:
    """One more array is refused by the contract."""
    depth, type_ = deepest_arrays()
    value: Any = [7]
    for _ in range(depth - 1):
        value = [{"x": value}]
    assert values_read(kind, a_contract(("a", type_)), [value]) == [value]


def deepest_arrays() -> tuple[int, Any]:
    """Return the number of arrays of records that fit into each other, and their type."""
    found: tuple[int, Any] | None = None
    value: Any = {"type": "array", "items": "long"}
    for depth in range(1, 40):
        try:
            a_contract(("a", value))
        except ContractError:
            break
        found = depth, value
        item = {"type": "record", "name": f"R{depth}", "fields": [{"name": "x", "type": value}]}
        value = {"type": "array", "items": item}
    assert found
    return found


@NEEDS_C
def test_programs_of_other_columns_and_too_few_are_refused() -> None:
    module = columns.compiled_module()
    one, other = (columns.CompiledColumns(BOOKING.record, module) for _ in range(2))
    program = one.program(BOOKING.record)
    of_one = module.Program(one.layout, program.code, program.numbers, program.symbols, program.texts)
    into = module.Columns(other.layout, (1, 2), is_json)

    for programs in ([of_one], [None]):
        with pytest.raises(ValueError, match="compiled for other columns"):
            into.append(programs, [b""])
    with pytest.raises(ValueError, match="numbers of programs and messages differ"):
        module.Columns(one.layout, (1, 2), is_json).append([of_one], [b"", b""])


@EACH_KIND
def test_every_message_has_its_writer(kind: str) -> None:
    with pytest.raises(ValueError, match=r"not one writer for each message|numbers of programs and messages differ"):
        columns_of(kind, BOOKING.record).read([BOOKING.record], [b"", b""])
