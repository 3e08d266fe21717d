"""Times that are compared as columns: only what the envelope's own reader takes, and takes for that moment, passes."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from headrace.schemas.envelope import to_micros
from headrace.schemas.times import read_instant
from headrace.steps.decode.envelopes import disagreeing

HOUR = datetime(2026, 3, 14, 15, tzinfo=UTC)
GOOD = "2026-03-14T15:00:00Z"
SPELLINGS = [
    GOOD,
    "2026-03-14T15:00:00.000Z",
    "2026-03-14T15:00:00.000001Z",
    "2026-03-14T15:00Z",
    "2026-03-14T15Z",
    "2026-03-14 15:00:00Z",
    "2026-03-14T15:00:00",
    "2026-03-14T15:00:00.0",
    "2026-03-14T15:00:00+00:00",
    "2026-03-14T20:30:00+05:30",
    "2026-03-14T15:00:00.0000000Z",
    "2026-03-14T15:00:00.0000001Z",
    "2026-03-14t15:00:00z",
    "2026-02-30T15:00:00Z",
    "2026-03-14T14:59:60Z",
    "2026-03-14T16:00:00+01:00",
    "2026-03-14T15:00+00:00",
    "2026-03-14T1500Z",
    "2026-03-14",
]
IN_NO_CALENDAR = ("2026-02-30T15:00:00Z", "2026-03-14T14:59:60Z")


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_spelling_passes_only_when_the_envelope_takes_it_for_that_moment(text: str) -> None:
    moments = pa.array([to_micros(HOUR)] * 3, pa.int64())

    found = disagreeing([GOOD, text, GOOD], moments)

    assert 1 in found or read_instant(text) == HOUR
    assert 1 not in found or text not in (GOOD, "2026-03-14T15:00:00.000Z")


@pytest.mark.parametrize("text", [each for each in SPELLINGS if each not in IN_NO_CALENDAR])
def test_a_spelling_of_another_form_leaves_the_others_alone(text: str) -> None:
    moments = pa.array([to_micros(HOUR)] * 3, pa.int64())

    assert set(disagreeing([GOOD, text, GOOD], moments)) <= {1}
