"""A line that cannot be read is refused alone, in each format; what is wrong with a whole file is reported at once."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.csv_lines import csv_content
from headrace.backfill.file_line import Line
from headrace.backfill.file_rounds import FEWEST_LINES, SAMPLE_LINES
from headrace.backfill.line_events import LINE, BadLine
from headrace.backfill.text_lines import MAX_LINE_BYTES, physical_lines
from headrace.schemas.envelope import to_micros
from tests.backfill.test_backfill import Read, a_file, a_mapping
from tests.support.builders import MOMENT, a_contract, a_decimal, decode
from tests.support.strategies import FIXED_PROFILE

THING = a_contract(("s", "string"), ("n", ["null", "int"], {"default": None}), identity=["s", "at"])
AT = to_micros(MOMENT)
TIME = "2026-03-14T15:09:26Z"
HEAD = "s,n,at\n"


def line(name: str, n: object = 1) -> str:
    return f"{name},{n},{TIME}\n"


def good(read: Read) -> list[str]:
    return [each.attributes[LINE] for each in read.messages if not isinstance(each, BadLine)]


def bad(read: Read) -> list[str]:
    return [each.attributes[LINE] for each in read.messages if isinstance(each, BadLine)]


def lines_of_csv(content: bytes) -> list[Line]:
    return list(csv_content(io.BytesIO(content), ",").lines)


def test_after_a_quotation_mark_that_nothing_closes_the_next_lines_are_read(tmp_path: Path) -> None:
    text = HEAD + f'"b1,1,{TIME}\n' + line("b2") + f'"b3",1,{TIME}\n' + line("b4")
    read = Read(THING, [a_file(tmp_path, text)])
    assert (good(read), bad(read)) == (["3", "4", "5"], ["2"])
    (letter,) = [each for each in read.messages if isinstance(each, BadLine)]
    assert letter.data == f'"b1,1,{TIME}\n'.encode()
    assert "a quotation mark that nothing closes" in letter.problem


def test_a_quotation_mark_that_nothing_closes_to_the_end_of_the_file_costs_one_line(tmp_path: Path) -> None:
    read = Read(THING, [a_file(tmp_path, HEAD + f'"b0,1,{TIME}\n' + line("b1") * 30_000)])
    assert bad(read) == ["2"]
    assert len(good(read)) == 30_000


@given(
    st.lists(st.tuples(st.text('ab",\r\n', max_size=6), st.booleans()), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@FIXED_PROFILE
def test_records_around_broken_ones_are_those_that_were_written(rows: list[tuple[str, bool]], end: str) -> None:
    """A quoted value may span lines; a line with text after its closing mark is broken, and costs itself alone."""
    text, wanted = f"name,value{end}", []
    for number, (value, broken) in enumerate(rows):
        if broken:
            text += f'"x"y,{number}{end}'
        else:
            text += f'"{value.replace(chr(34), chr(34) * 2)}",{number}{end}'
            wanted.append({"name": value, "value": str(number)})
    read = lines_of_csv(text.encode())
    assert [dict(each.values) for each in read if not each.problem] == wanted
    assert sum(bool(each.problem) for each in read) == sum(broken for _, broken in rows)
    assert b"".join(each.raw() for each in read) == text.removeprefix(f"name,value{end}").encode()


@given(st.lists(st.binary(max_size=8), max_size=8), st.integers(1, 5))
@FIXED_PROFILE
def test_physical_lines_are_those_of_the_whole_text_however_it_is_cut(pieces: list[bytes], size: int) -> None:
    text = b"x" + b"\r\n".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headrace.backfill.text_lines._PIECE", size)
        assert list(physical_lines(io.BytesIO(text))) == text.splitlines(keepends=True)


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_a_line_ends_in_any_of_the_three_ways_and_in_several(tmp_path: Path, end: str) -> None:
    read = Read(THING, [a_file(tmp_path, (HEAD + line("b1") + line("b2")).replace("\n", end) + line("b3"))])
    assert good(read) == ["2", "3", "4"]
    lines = "".join(json.dumps({"s": name, "n": 1, "at": TIME}) + end for name in "ab")
    assert good(Read(THING, [a_file(tmp_path, lines, "things.ndjson")])) == ["1", "2"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_line_that_is_too_long_is_one_line_and_its_letter_holds_its_beginning(end: bytes) -> None:
    long = b"x" * (3 * MAX_LINE_BYTES) + b",1"
    head, tail = b"name,value" + end, b"y,2" + end
    first, second = lines_of_csv(head + long + end + tail)
    assert (first.number, len(first.raw())) == (2, MAX_LINE_BYTES)
    assert "longer than" in first.problem
    assert (second.number, dict(second.values)) == (3, {"name": "y", "value": "2"})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "an empty file"),
        (b"\0" * 9_000_000, "longer than 4,194,304 bytes"),
        (b's,"n"x,at\n', "not a line of CSV"),
        (b"s,n,n,at\n", "its columns 2 and 3 have the same name"),
        (b"s,n,at,gr\xf6\xdfe\n", "its column 4 has a name that is not UTF-8"),
        (HEAD.encode("utf-16"), "text in UTF-16"),
        (b"s;n;at\n", "the delimiter that the mapping says"),
        (b"S,n,at\n", "the name of column 1 differs in capitals or spaces"),
        (b"s,n\n", "no column 'at' for the field at; of its 2 columns these are wanted: s, n"),
    ],
)
def test_a_header_is_judged_before_the_first_line(tmp_path: Path, content: bytes, expected: str) -> None:
    with pytest.raises(BackfillError, match=expected):
        Read(THING, [a_file(tmp_path, content)])


@pytest.mark.parametrize("header", ["ada@example.com,1,Ada", "\x1b]0;ada\x07,s,n,at,1", 's,n,at,"ada@example.com"'])
def test_the_content_of_the_first_line_is_never_shown(tmp_path: Path, header: str) -> None:
    with pytest.raises(BackfillError) as raised:
        Read(THING, [a_file(tmp_path, f"{header}\n")])
    assert "ada" not in str(raised.value).lower()
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("count", [FEWEST_LINES, SAMPLE_LINES + 500])
def test_a_file_of_which_every_line_fails_for_one_reason_is_refused_at_once(tmp_path: Path, count: int) -> None:
    path = a_file(tmp_path, HEAD + line("x", "many") * count)
    taken: list[int] = []
    with pytest.raises(
        BackfillError, match=r"each of its .* lines is refused, and for one reason: flights.csv, line 2: n"
    ):
        Read(THING, [path], at_most=5, taken=taken)
    assert taken == [], "no line of it was given to be written"


@pytest.mark.parametrize(
    "lines",
    [
        line("x", "many") * (FEWEST_LINES - 1),
        line("x", "many") * 500 + line("x"),
        line("x", "many") * 500 + "x,1\n",
    ],
)
def test_a_file_with_few_lines_or_other_ones_is_not(tmp_path: Path, lines: str) -> None:
    read = Read(THING, [a_file(tmp_path, HEAD + lines)], at_most=7)
    assert len(read.messages) == lines.count("\n")


def test_a_contract_that_lets_all_lines_be_refused_lets_those_of_a_file(tmp_path: Path) -> None:
    options = replace(THING.options, refuse_at_most=100)
    read = Read(replace(THING, options=options), [a_file(tmp_path, HEAD + line("x", "many") * 50)])
    assert len(bad(read)) == 50


def test_text_that_is_not_utf_8_and_integers_that_are_too_long_are_called_so(tmp_path: Path) -> None:
    read = Read(THING, [a_file(tmp_path, HEAD.encode() + line("Müller").encode("latin-1") + line("x").encode())])
    assert read.problems == ["flights.csv, line 2: s: text that is not UTF-8; convert the file to UTF-8"]
    lines = [b'{"s":"x","n":' + b"9" * 5_000 + b"}", b'{"s":"M\xfcller"}', b'{"s":"x","n":1,"at":"%s"}' % TIME.encode()]
    read = Read(THING, [a_file(tmp_path, b"\n".join(lines), "things.ndjson")])
    assert [each.partition("line: ")[2] for each in read.problems] == [
        "JSON with a number of more than 1,000 digits; correct the file",
        "not UTF-8; correct the file",
    ]
    assert good(read) == ["3"]


def avro(path: Path, schema: Any, written: Any, rows: list[Any], codec: str = "null") -> Path:
    """A file whose header says *schema*, with blocks that *written* made."""
    sync = b"S" * 16
    head, body = io.BytesIO(), io.BytesIO()
    fastavro.writer(head, schema, [], codec=codec, sync_marker=sync)
    fastavro.writer(body, written, rows, codec=codec, sync_marker=sync)
    path.write_bytes(head.getvalue() + body.getvalue().partition(sync)[2])
    return path


def record(**types: Any) -> Any:
    return {"type": "record", "name": "thing", "fields": [{"name": name, "type": each} for name, each in types.items()]}


AVRO = {
    "timestamp-micros": ("long", {"type": "long", "logicalType": "timestamp-micros"}, AT, 2**62),
    "timestamp-millis": ("long", {"type": "long", "logicalType": "timestamp-millis"}, AT // 1000, -(2**61)),
    "local-timestamp": ("long", {"type": "long", "logicalType": "local-timestamp-micros"}, AT, 2**62),
    "date": ("int", {"type": "int", "logicalType": "date"}, 20_000, 3_000_000),
    "time": ("long", {"type": "long", "logicalType": "time-micros"}, 1, 90_000_000_000),
    "text": ("bytes", "string", b"x", b"M\xfcller"),
    "decimal": (
        "bytes",
        {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
        b"\x01",
        b"\x01" * 1000,
    ),
    "nested": (
        {"type": "array", "items": ["null", "bytes"]},
        {"type": "array", "items": ["null", "string"]},
        [None, b"x"],
        [None, b"\xff"],
    ),
}


@pytest.mark.parametrize("kind", AVRO)
def test_a_value_of_avro_that_its_type_does_not_have_costs_its_line_alone(tmp_path: Path, kind: str) -> None:
    written, read_as, right, wrong = AVRO[kind]
    rows = [{"s": str(number), "at": AT, "x": wrong if number == 2 else right} for number in range(5)]
    at = {"type": "long", "logicalType": "timestamp-micros"}
    path = avro(
        tmp_path / "things.avro", record(s="string", at=at, x=read_as), record(s="string", at="long", x=written), rows
    )
    assert good(Read(THING, [path], a_mapping(tmp_path, ""))) == ["1", "2", "3", "4", "5"], "no field takes it"
    contract = a_contract(("s", "string"), ("x", "string"), identity=["s", "at"])
    problems = Read(contract, [path]).problems
    assert [each for each in problems if "line 3: x: not a value" in each] == []
    assert [each for each in problems if each.startswith("things.avro, line 3: x: ")] != []


def test_the_letter_of_such_a_line_holds_what_the_file_does(tmp_path: Path) -> None:
    at = {"type": "long", "logicalType": "timestamp-micros"}
    path = avro(
        tmp_path / "things.avro", record(s="string", at=at), record(s="string", at="long"), [{"s": "x", "at": 2**62}]
    )
    (letter,) = Read(THING, [path]).messages
    assert json.loads(letter.data) == {"s": "x", "at": str(2**62)}


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "xz", "snappy", "zstandard"])
def test_blocks_of_avro_may_be_packed(tmp_path: Path, codec: str) -> None:
    rows = [{"s": str(number), "n": None, "at": AT} for number in range(2_000)]
    schema = record(s="string", n=["null", "int"], at={"type": "long", "logicalType": "timestamp-micros"})
    sync, packed = b"S" * 16, io.BytesIO()
    if codec in ("deflate", "bzip2", "xz"):
        path = avro(tmp_path / "things.avro", schema, schema, rows, codec)
    else:  # fastavro has no such codec of its own: pack the block by Arrow
        fastavro.writer(packed, schema, rows, sync_marker=sync, sync_interval=10**9)
        path = tmp_path / "things.avro"
        path.write_bytes(repacked(packed.getvalue(), sync, codec))
    assert len(good(Read(THING, [path], at_most=5_000))) == 2_000


def repacked(whole: bytes, sync: bytes, codec: str) -> bytes:
    import zlib

    from headrace.backfill.avro_lines import _long
    from headrace.util.avro_container import blocks, read_header

    file = io.BytesIO(whole)
    header = read_header(file)
    (block,) = blocks(file, header)
    head = io.BytesIO()
    fastavro.writer(head, json.loads(header.schema), [], sync_marker=sync)
    data: bytes = pa.Codec("zstd" if codec == "zstandard" else codec).compress(block.data, asbytes=True)
    data += zlib.crc32(block.data).to_bytes(4, "big") if codec == "snappy" else b""
    named = head.getvalue().replace(b"\x08null", _long(len(codec)) + codec.encode())
    return named + _long(block.records) + _long(len(data)) + data + sync


def parquet(path: Path, column: pa.Array) -> Path:
    at = pa.array([AT] * len(column), pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"s": [str(number) for number in range(len(column))], "at": at, "x": column}), path)
    return path


def numbers(right: int, wrong: int, kind: pa.DataType, width: pa.DataType | None = None) -> pa.Array:
    return pa.array([right, wrong, right, None], width or pa.int64()).view(kind)


PARQUET = {
    "year 10000": numbers(AT, 253_402_300_800_000_000, pa.timestamp("us", "UTC")),
    "seconds": numbers(1, 2**60, pa.timestamp("ms")),
    "date32": numbers(20_000, 3_000_000, pa.date32(), pa.int32()),
    "time64": numbers(1, 86_400_000_000, pa.time64("us")),
    "time32": numbers(1, -1, pa.time32("ms"), pa.int32()),
    "nanoseconds": numbers(1_000, 1_001, pa.timestamp("ns")),
    "text": pa.array([b"x", b"M\xfcller", b"y", None]).view(pa.string()),
    "large text": pa.array([b"x", b"M\xfcller", b"y", None], pa.large_binary()).view(pa.large_string()),
    "dictionary": pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 0, None], pa.int32()), pa.array([b"x", b"M\xfcller"]).view(pa.string())
    ),
    "list": pa.ListArray.from_arrays(
        pa.array([0, 1, 2, 2, 2], pa.int32()), pa.array([1, 90_000_000_000], pa.int64()).view(pa.time64("us"))
    ),
    "struct": pa.StructArray.from_arrays([numbers(1, 253_402_300_800_000_000, pa.timestamp("us"))], ["y"]),
}


@pytest.mark.parametrize("kind", PARQUET)
def test_a_value_of_parquet_that_python_does_not_have_costs_its_line_alone(tmp_path: Path, kind: str) -> None:
    path = parquet(tmp_path / "things.parquet", PARQUET[kind])
    assert good(Read(THING, [path], a_mapping(tmp_path, ""))) == ["1", "2", "3", "4"], "no field takes it"
    contract = a_contract(("s", "string"), ("x", ["null", "string"], {"default": None}), identity=["s", "at"])
    problems = Read(contract, [path]).problems
    (problem,) = [each for each in problems if each.startswith("things.parquet, line 2: x: ")]
    assert "not a value" not in problem


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1_000]], pa.list_(pa.timestamp("ns"))),
        pa.array([{"y": 1_000}], pa.struct([("y", pa.time64("ns"))])),
        pa.array([[("k", 1_000)]], pa.map_(pa.string(), pa.timestamp("ns", "Mars/Crater"))),
        pa.array([[1_000]], pa.large_list(pa.timestamp("ns"))),
        pa.array([1.5], pa.float16()),
        pa.array([Decimal("1.5")], pa.decimal256(60, 2)),
    ],
    ids=str,
)
def test_values_of_odd_types_are_read(tmp_path: Path, column: pa.Array) -> None:
    path = parquet(tmp_path / "things.parquet", column)
    assert good(Read(THING, [path], a_mapping(tmp_path, ""))) == ["1"]


def test_a_zone_that_is_not_known_says_nothing_of_the_moment(tmp_path: Path) -> None:
    at = pa.array([AT], pa.int64()).cast(pa.timestamp("us", "Mars/Crater"))
    pq.write_table(pa.table({"s": ["x"], "at": at}), tmp_path / "things.parquet")
    (message,) = Read(THING, [tmp_path / "things.parquet"]).messages
    assert message.attributes["ce-time"].startswith(TIME[:-1])


@pytest.mark.parametrize("name", ["things.parquet", "things.csv", "things.ndjson"])
def test_the_error_for_a_time_without_a_zone_explains_where_to_set_it(tmp_path: Path, name: str) -> None:
    wall = datetime.fromtimestamp(AT // 10**6, UTC).replace(tzinfo=None)
    path = tmp_path / name
    match path.suffix:
        case ".parquet":
            pq.write_table(pa.table({"s": ["x"], "at": pa.array([wall])}), path)
        case ".csv":
            path.write_text(f"s,at\nx,{wall}\n")
        case _:
            path.write_text(json.dumps({"s": "x", "at": wall.isoformat()}) + "\n")
    (problem,) = Read(THING, [path]).problems
    number = 2 if path.suffix == ".csv" else 1
    assert problem == (
        f"{name}, line {number}: at: a time without a zone; write its offset, or write the zone in the mapping: "
        'at = { column = "...", zone = "Europe/Berlin" }'
    )


PRICES: list[tuple[Any, str | None]] = [
    (Decimal("12.5"), "12.50"),
    (Decimal("12.500000000"), "12.50"),
    (Decimal("0.000000000"), "0.00"),
    (Decimal("-0.10"), "-0.10"),
    (Decimal("0.125"), None),
    (Decimal("100000000"), None),
]
DOUBLES: list[tuple[Any, str | None]] = [
    (12.5, "12.50"),
    (0.1, "0.10"),
    (-0.0, "0.00"),
    (1e3, "1000.00"),
    (0.125, None),
    (0.1 + 0.2, None),
    (1e300, None),
    (5e-324, None),
    (float("nan"), None),
    (float("inf"), None),
]


def texts(prices: list[tuple[Any, str | None]]) -> list[tuple[Any, str | None]]:
    return [(str(value), held) for value, held in prices]


@pytest.mark.parametrize(
    ("name", "prices"),
    [
        pytest.param("prices.csv", texts(PRICES + DOUBLES), id="CSV"),
        pytest.param("prices.ndjson", texts(PRICES + DOUBLES), id="texts of NDJSON"),
        pytest.param("numbers.ndjson", [each for each in PRICES + DOUBLES if abs(each[0]) < 1e308], id="its numbers"),
        pytest.param("prices.parquet", PRICES, id="decimals of Parquet"),
        pytest.param("doubles.parquet", DOUBLES, id="its doubles"),
        pytest.param("doubles.avro", DOUBLES, id="doubles of Avro"),
    ],
)
def test_a_number_becomes_the_decimal_that_it_denotes_in_every_file_format(
    tmp_path: Path, name: str, prices: list[tuple[Any, str | None]]
) -> None:
    contract = a_contract(("n", "int"), ("price", a_decimal(9, 2)), identity=["n"])
    path = a_price_list(tmp_path / name, [value for value, _ in prices])

    read = Read(contract, [path])

    assert [str(decode(contract, each.data)["price"]) for each in read.messages if not isinstance(each, BadLine)] == [
        held for _, held in prices if held is not None
    ]
    assert len(read.problems) == [held for _, held in prices].count(None)
    assert all(": price: " in each for each in read.problems)


def a_price_list(path: Path, prices: list[Any]) -> Path:
    lines = [f'{{"n": {number}, "at": "{TIME}", "price": {price}}}' for number, price in enumerate(prices)]
    match path.name:
        case "prices.csv":
            path.write_text("n,at,price\n" + "".join(f"{number},{TIME},{each}\n" for number, each in enumerate(prices)))
        case "prices.ndjson":
            lines = [json.dumps({"n": number, "at": TIME, "price": each}) for number, each in enumerate(prices)]
            path.write_text("\n".join(lines))
        case "numbers.ndjson":
            path.write_text("\n".join(lines))
        case "doubles.avro":
            at = {"type": "long", "logicalType": "timestamp-micros"}
            schema = record(n="int", at=at, price="double")
            avro(path, schema, schema, [{"n": n, "at": AT, "price": each} for n, each in enumerate(prices)])
        case _:
            at = pa.array([AT] * len(prices), pa.int64()).cast(pa.timestamp("us", "UTC"))
            type_ = pa.decimal128(38, 9) if path.name == "prices.parquet" else pa.float64()
            pq.write_table(pa.table({"n": range(len(prices)), "at": at, "price": pa.array(prices, type_)}), path)
    return path
