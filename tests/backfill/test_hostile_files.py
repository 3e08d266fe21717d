"""Files that were made to harm: one sentence, bounded memory, and no other file is affected."""

from __future__ import annotations

import gzip
import io
import os
import signal
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import fastavro
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.backfill import reading_process
from headrace.backfill.avro_lines import _long
from headrace.backfill.backfill_errors import BackfillError, MappingError
from headrace.backfill.file_line import Unreadable
from headrace.backfill.file_places import checked_address
from headrace.backfill.file_rounds import Round, Task
from headrace.backfill.files import look_at
from headrace.backfill.mapping import read_mapping
from headrace.backfill.reading_process import read_ahead
from headrace.util.avro_container import MAX_HEADER_BYTES
from tests.backfill.test_backfill import NOW, Read, a_file, a_mapping
from tests.backfill.test_lines import AT, HEAD, THING, line, record

SYNC = b"S" * 16
LONG_TIME = {"type": "long", "logicalType": "timestamp-micros"}
PLAIN = record(s="string", n=["null", "int"], at=LONG_TIME)


def head(schema: Any = PLAIN, codec: str = "null") -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, schema, [], codec=codec, sync_marker=SYNC)
    return file.getvalue()


def block(records: int, data: bytes, size: int | None = None) -> bytes:
    return _long(records) + _long(len(data) if size is None else size) + data + SYNC


def one(name: bytes = b"x") -> bytes:
    return _long(len(name)) + name + _long(0) + _long(AT)


def zeros(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(bytes(size)) + packer.flush()


def laughs(levels: int) -> Any:
    """A record of records of records, each twice in the next."""
    type_: Any = "null"
    for level in range(levels):
        fields = [{"name": "a", "type": type_}, {"name": "b", "type": f"r{level - 1}" if level else "null"}]
        type_ = {"type": "record", "name": f"r{level}", "fields": fields}
    return type_


def nested(levels: int) -> Any:
    type_: Any = "int"
    for _ in range(levels):
        type_ = {"type": "array", "items": type_}
    return type_


ITSELF = record(s="string", n=["null", "int"], at=LONG_TIME, next=["null", "thing"])
DEEP = b'{"type":"array","items":' * 50_000 + b'"int"' + b"}" * 50_000
AVRO = {
    "refers to itself": head(ITSELF) + block(1, (one() + _long(1)) * 20_000),
    "items that take no bytes": head(record(x={"type": "array", "items": "null"})) + block(1, _long(2**40)),
    "more than 100,000 fields": head(record(x=laughs(40))) + block(1, b""),
    "nested more than 64 deep": head(record(x=nested(100))) + block(1, b""),
    "no Avro schema that can be read": b"Obj\x01"
    + _long(1)
    + _long(11)
    + b"avro.schema"
    + _long(len(DEEP))
    + DEEP
    + b"\0"
    + SYNC,
    "not an Avro object file": b"PAR1",
    "more than 67,108,864 bytes": head(codec="deflate") + block(1, zeros(80_000_000)),
    "between 0 and 67,108,864": head() + block(1, b"abc", size=2**40),
    "more records than it has bytes": head() + block(2**60, b""),
    "are not the records of its schema": head() + block(1, _long(2**40) + b"abc"),
    "ends in the middle": head() + block(1, one())[:-20],
    "does not end where it says": head() + block(1, one())[:-1] + b"T",
    "cannot unpack": head(codec="deflate") + block(1, b"\xff\xff\xff"),
}


@pytest.mark.parametrize("expected", AVRO)
def test_what_an_avro_file_declares_is_bounded(tmp_path: Path, expected: str) -> None:
    with pytest.raises(BackfillError, match=expected):
        Read(THING, [a_file(tmp_path, AVRO[expected], "things.avro")], a_mapping(tmp_path, ""))


def test_a_header_of_avro_is_bounded_as_a_whole(tmp_path: Path) -> None:
    half = b"x" * (MAX_HEADER_BYTES // 2 + 1)
    path = tmp_path / "things.avro"
    path.write_bytes(b"Obj\x01" + _long(1) + _long(len(half)) + half + _long(len(half)) + half)
    with pytest.raises(BackfillError, match="a part of a size that is not between 0 and"):
        Read(THING, [path])


def test_the_blocks_before_a_broken_one_are_read(tmp_path: Path) -> None:
    path = a_file(tmp_path, head() + block(1, one(b"a")) + block(1, one(b"b")) + block(5, one(b"c")), "things.avro")
    taken: list[int] = []
    with pytest.raises(BackfillError, match="cannot be read any further"):
        Read(THING, [path], taken=taken)
    assert taken == [3], "the first record of the broken block too"


def test_a_column_of_parquet_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "things.parquet"
    pq.write_table(
        pa.table({"s": ["x" * 40_000_000, "y" * 40_000_000]}), path, compression="zstd", use_dictionary=False
    )
    assert path.stat().st_size < 20_000
    with pytest.raises(BackfillError, match="unpacks to 80,000"):
        Read(THING, [path])


def test_a_text_of_parquet_that_a_thousand_rows_name_is_held_once(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000, pa.int32()), ["x" * 2_000_000])
    at = pa.array([AT] * 1_000, pa.int64()).cast(pa.timestamp("us", "UTC"))
    path = tmp_path / "things.parquet"
    pq.write_table(pa.table({"s": text, "at": at}), path, compression="zstd", dictionary_pagesize_limit=10**8)
    task = a_task(path)
    before = pa.total_allocated_bytes()
    from headrace.backfill.parquet_lines import parquet_content

    with path.open("rb") as file:
        lines = list(parquet_content(file, ",").lines)
        assert pa.total_allocated_bytes() - before < 100_000_000
    assert len({id(each.values["s"]) for each in lines}) == 1
    assert task.files[0].size < 10_000


def test_a_packed_text_that_unpacks_to_far_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.backfill.files.MAX_UNPACKED_BYTES", 10_000_000)
    path = tmp_path / "things.csv.gz"
    path.write_bytes(gzip.compress(HEAD.encode() + b"\n" * 50_000_000))
    with pytest.raises(BackfillError, match="it unpacks to more than 500 times what it holds"):
        Read(THING, [path])


def test_a_line_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.backfill.text_lines.MAX_SKIPPED_BYTES", 1_000_000)
    path = a_file(tmp_path, HEAD.encode() + line("x").encode() + bytes(9_000_000))
    with pytest.raises(BackfillError, match=r"flights.csv: .*a line does not end within"):
        Read(THING, [path])


@pytest.mark.parametrize("address", ["gs://../x/y.csv", "gs:///x.csv", "gs://b", "gs://Bucket/x.csv", "gs://bucket/.."])
def test_an_address_that_no_object_can_have_is_refused_before_any_request(address: str) -> None:
    with pytest.raises(BackfillError, match="can have that name"):
        checked_address(address)
    with pytest.raises(BackfillError, match="can have that name"):
        look_at([address], THING, read_mapping(None, THING))
    assert checked_address("gs://my-files/2026/*.csv") == ("my-files", "2026/*.csv")


@pytest.mark.parametrize(("format_", "expected"), [("%Y-%Y", "twice"), ("%Q", "not a format"), ("%", "not a format")])
def test_a_format_that_python_cannot_use_is_refused_with_the_mapping(
    tmp_path: Path, format_: str, expected: str
) -> None:
    with pytest.raises(MappingError, match=expected):
        read_mapping(a_mapping(tmp_path, f'[fields]\nat = {{ column = "at", format = "{format_}" }}'), THING)


def test_a_mapping_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = a_file(tmp_path, b'\xef\xbb\xbf[fields]\ns = "t"\n', "mapping.toml")
    assert read_mapping(path, THING).origin("s").column == "t"


def test_the_name_of_a_file_is_safe_to_print_and_to_send(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"x\x1b]0;y\x07\xff.csv")
    path.write_text(HEAD + line("x"))
    (message,) = Read(THING, [path]).messages
    assert message.attributes["backfill-file"] == r"x\x1b]0;y\x07\udcff.csv"
    assert message.attributes["ce-source"] == r"/backfill/x\x1b]0;y\x07\udcff.csv"


def a_task(path: Path) -> Task:
    mapping = read_mapping(None, THING)
    return Task(THING, mapping, look_at([path], THING, mapping), NOW)


def test_a_reading_process_that_dies_says_of_which_file(tmp_path: Path) -> None:
    path = a_file(tmp_path, HEAD + line("x") * 400_000)
    reading, child = a_reading_process(path)
    os.kill(child, signal.SIGSEGV)
    with pytest.raises(BackfillError, match=r"flights.csv: the process that reads it ended by SIGSEGV"):
        list(reading)


def test_nothing_that_it_prints_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Arrow ends the process, and prints why, at some broken files."""
    path = a_file(tmp_path, HEAD + line("x") * 400_000)
    reading, child = a_reading_process(path)
    assert {os.readlink(f"/proc/{child}/fd/{each}") for each in (1, 2)} == {os.devnull}
    reading.close()
    assert capfd.readouterr() == ("", "")


def a_reading_process(path: Path) -> tuple[Generator[Round, None, None], int]:
    """A process that reads *path*, and its id; other tests of this process may have left children of their own."""
    before = children()
    reading = read_ahead(a_task(path))
    next(reading)
    (child,) = children() - before
    return reading, child


def children() -> set[int]:
    return {each.pid for each in psutil.Process().children()}


def test_a_reading_process_takes_no_more_memory_than_it_may() -> None:
    pid = os.fork()
    if not pid:
        reading_process.limit_memory(300_000_000)
        try:
            bytearray(10**9)
        except MemoryError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@pytest.mark.parametrize("error", [MemoryError(), AttributeError("ada@example.com")])
def test_any_error_that_ends_reading_is_reported_without_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def broken(task: Task) -> Any:
        raise error

    monkeypatch.setattr(reading_process, "rounds", broken)
    message = reading_process._serve(a_task(a_file(tmp_path, HEAD)), io.BytesIO())
    assert isinstance(message, BackfillError)
    assert "ada" not in str(message) + "".join(capsys.readouterr())


def test_a_value_that_cannot_be_read_is_not_in_its_repr() -> None:
    assert "Mue" not in repr(Unreadable("not UTF-8", b"Mueller"))
