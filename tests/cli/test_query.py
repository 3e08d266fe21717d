"""Values that ``headrace query`` prints."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from headrace.cli.commands.query import plain


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
