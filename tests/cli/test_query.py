"""Values that ``headrace query`` prints."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from headrace.cli.commands.query import _print, plain


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (0.5, 0.5),
        ("text", "text"),
        (Decimal("9.990"), "9.990"),
        (b"\x00\xff", "AP8="),
        (datetime(2026, 3, 14, 15, 9, 26, 535000, UTC), "2026-03-14T15:09:26.535000Z"),
        (datetime(2026, 3, 14, 15, 9), "2026-03-14T15:09:00"),
        (date(2026, 3, 14), "2026-03-14"),
        (time(15, 9), "15:09:00"),
        (timedelta(seconds=90), "0:01:30"),
        ([Decimal("1"), b"a"], ["1", "YQ=="]),
        ({"when": date(2026, 3, 14), "of": [{"n": 1}]}, {"when": "2026-03-14", "of": [{"n": 1}]}),
    ],
)
def test_each_type_of_bigquery_has_one_form_that_json_can_hold(value: Any, shown: Any) -> None:
    assert plain(value) == shown
    json.dumps(plain(value))


def test_a_table_shows_names_and_values_as_a_query_takes_them(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"order_id": "o-1", "_event_time": 1_796_026_860_824, "customer": {"name": "Ö"}, "coupon": None, "total": 0.5}
    _print([*row], [row], 1, None, "table")
    heading, values = capsys.readouterr().out.splitlines()
    assert heading.split() == [*row]
    assert values.split("  ")[0] == "o-1"
    assert [word in values for word in ("1796026860824", '{"name": "Ö"}', "null", "0.5")] == [True] * 4


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_name_stays_in_one_piece_on_every_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    row = {f"a_name_of_{number}_words": "a value of some words" for number in range(4)}
    _print([*row], [row], 1, None, "table")
    words = capsys.readouterr().out.split()
    assert [name for name in row if name not in words] == []


def test_an_empty_table_says_when_a_row_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    _print(["order_id"], [], 0, None, "table")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "as soon as the job has written it, and `headrace status` shows what waits" in printed.err
