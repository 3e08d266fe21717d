"""Dumps fit a terminal, mark the byte and hide what is not to be seen."""

from __future__ import annotations

from itertools import pairwise

import pytest

from headrace.dead_letters.hexdump import hexdump
from tests.dead_letters.test_explain import BROKEN, GOOD, cut_in, of_order, start_of, with_part


def test_the_byte_is_marked_and_personal_bytes_are_dots() -> None:
    data = with_part("items[1].price", b"\x04\x7f\xff")

    assert hexdump(data, of_order(data), around=16).splitlines() == [
        "00000000  04 41 42 ·· 06 58 2d 31  04 04 d2 ·· ·· ·· ·· ··  |.AB·.X-1...·····|",
        "00000010  ·· ·· ·· ·· ·· ·· ·· 06  58 2d 32 04 ·· ·· ·· ··  |·······.X-2.····|",
        "                                            ^^",
        "00000020  ·· ·· ·· ·· ·· ·· ·· ··  ·· ·· ·· ·· ·· ·· ·· ··  |················|",
    ]


def test_revealed_everything_around_the_byte_is_shown() -> None:
    data = with_part("items[1].price", b"\x04\x7f\xff")

    assert hexdump(data, of_order(data), reveal=True, around=0).splitlines() == [
        "00000010  65 72 2d 4a 61 6e 65 06  58 2d 32 04 7f ff 02 14  |er-Jane.X-2.....|",
        "                                            ^^",
    ]


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("reveal", [False, True])
def test_every_dump_fits_80_columns_and_marks_its_byte(name: str, reveal: bool) -> None:
    data, _, offset, _ = BROKEN[name]

    lines = hexdump(data, of_order(data), reveal=reveal).splitlines()

    assert max(map(len, lines)) <= 80
    assert len(lines) <= 9
    marks = [(above, line.index("^^")) for above, line in pairwise(lines) if "^^" in line]
    assert len(marks) == (offset is not None)
    for above, column in marks:
        place = (column - 10) // 3
        assert int(above[:8], 16) + place == offset
        if offset < len(data):
            assert above[column : column + 2] in ("··", f"{data[offset]:02x}")
            assert above[column - 1] == above[column + 2] == " "


def test_a_value_that_should_begin_where_the_data_ends_has_its_mark() -> None:
    data = cut_in("at", 0)

    *_, last, mark = hexdump(data, of_order(data)).splitlines()

    assert int(last[:8], 16) + (mark.index("^^") - 10) // 3 == start_of("at") == len(data)


def test_nothing_at_all_is_marked_too() -> None:
    assert hexdump(b"", of_order(b"")).splitlines() == [f"00000000  {'':48}  ||", " " * 10 + "^^"]


def test_without_a_known_contract_nothing_is_shown_until_revealed() -> None:
    explained = of_order(GOOD + b"\x00", {"ce-dataschema": "headrace:order_placed:2"})

    hidden = hexdump(GOOD + b"\x00", explained, around=200)

    assert set("".join(line[10:] for line in hidden.splitlines())) <= set("·^ |")
    assert "Jane" in hexdump(GOOD, explained, reveal=True, around=200)
