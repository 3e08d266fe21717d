"""TOML files that people write: how they are read, and how a wrong one is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field, field_validator

from headrace.backfill.backfill_errors import MappingError
from headrace.config.file_model import FileModel, wrong
from headrace.config.profiles import Document
from headrace.config.toml_file import TomlFile
from headrace.planning.capacity.limits import load_limits
from headrace.planning.cost.prices import load_prices
from tests.support.paths import ROOT


def prices(path: Path) -> object:
    path.write_bytes(b"\xef\xbb\xbf" + (ROOT / "stream/headrace/planning/cost/prices.toml").read_bytes())
    return load_prices(path)


def limits(path: Path) -> object:
    path.write_bytes(b"\xef\xbb\xbf" + (ROOT / "stream/headrace/planning/capacity/limits.toml").read_bytes())
    return load_limits(path)


def settings(path: Path) -> object:
    path.write_bytes(b'\xef\xbb\xbfproject = "my-project"\n')
    return Document.read(path).values


def pull(path: Path) -> object:
    path.write_bytes(b'\xef\xbb\xbfsubject = "x"\n')
    return TomlFile.read(path, MappingError).values


@pytest.mark.parametrize("read", [prices, limits, settings, pull])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, read: Callable[[Path], object]) -> None:
    assert read(tmp_path / "file.toml")


class Size(FileModel):
    width: int = Field(ge=1, description="a whole number above 0")
    unit: str = "cm"

    @field_validator("unit")
    @classmethod
    def _metric(cls, unit: str) -> str:
        if unit not in ("cm", "m"):
            raise wrong("no metric unit", 'write "cm" or "m"')
        return unit


class Parcel(FileModel):
    label: str = Field(min_length=1, description='"..."')
    size: Size
    inner: dict[str, Size] = Field({})


GOOD = b'label = "a"\n[size]\nwidth = 3\n'


def parcel(data: bytes) -> Parcel:
    return TomlFile.parse("parcel.toml", data, MappingError).check(Parcel)


def test_a_file_that_is_right_becomes_its_model() -> None:
    assert parcel(GOOD + b"[inner.a]\nwidth = 1\n").inner["a"].width == 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GOOD.replace(b"label", b"lable"), "parcel.toml, line 1: lable: no such key; did you mean label?"),
        (GOOD + b"zebra = 1", "parcel.toml, line 4: size.zebra: no such key; remove it, or use one of unit, width"),
        (GOOD + b"[inner.a]\nwidt = 1", "parcel.toml, line 5: inner.a.widt: no such key; did you mean width?"),
        (
            GOOD + b"[inner.a]\nwidth = 0",
            "line 5: inner.a.width: must be greater than or equal to 1; write width = a wh",
        ),
        (b'label = "a"', "parcel.toml: size: missing; write [size] with width"),
        (b'label = "a"\nsize = 3', "parcel.toml, line 2: size: not a table; write [size] with width"),
        (b"[size]\nwidth = 3", 'parcel.toml: label: missing; write label = "..."'),
        (GOOD.replace(b"3", b"true"), "line 3: size.width: must be a valid integer; write width = a whole number"),
        (GOOD.replace(b"3", b'"3"'), "line 3: size.width: must be a valid integer; write width = a whole number"),
        (GOOD + b'unit = "inch"', 'parcel.toml, line 4: size.unit: no metric unit; write "cm" or "m"'),
        (b"label = \n", "parcel.toml: not TOML (Invalid value (at line 1, column 9)); correct that line"),
        (b'label = "\xff"', "parcel.toml: not UTF-8 text; save it as UTF-8"),
        (b"label = " + b"9" * 5000, "parcel.toml: not TOML (a number with too many digits); write fewer digits"),
        (b"label = " + b"[" * 5000, "parcel.toml: not TOML (nested too deeply); nest fewer tables and lists"),
    ],
)
def test_a_wrong_file_says_place_reason_and_remedy(data: bytes, expected: str) -> None:
    with pytest.raises(MappingError) as refused:
        parcel(data)
    assert expected in str(refused.value)
    assert "inch" not in str(refused.value)


def test_a_file_that_is_not_there_is_an_error_unless_it_may_be(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert TomlFile.read(path, MappingError, may_be_absent=True).values == {}
    with pytest.raises(
        MappingError, match=r"none.toml: cannot be read \(No such file or directory\); name a TOML file"
    ):
        TomlFile.read(path, MappingError)
