"""Each TOML file that people write may begin with a byte order mark, as editors on Windows write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.backfill.connectors.toml_table import Table
from headrace.config.profiles import Document
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
    return Table.read(path).values()


@pytest.mark.parametrize("read", [prices, limits, settings, pull])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, read: Callable[[Path], object]) -> None:
    assert read(tmp_path / "file.toml")
