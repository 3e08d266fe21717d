"""Times that are compared as columns: only what the envelope's own reader takes, and takes for that moment, passes."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from schemas.envelope import read_rfc3339, to_micros
from stream.envelopes import disagreeing

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
    "2026-03-14T16:00:00+01:00",
    "2026-03-14T15:00+00:00",
    "2026-03-14T1500Z",
    "2026-03-14",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_spelling_passes_when_the_envelope_takes_it_for_that_moment(text: str) -> None:
    try:
        passes = read_rfc3339(text) == HOUR
    except ValueError:
        passes = False
    moments = pa.array([to_micros(HOUR)] * 3, pa.int64())

    found = disagreeing([GOOD, text, GOOD], moments)

    assert (1 not in found) == passes
    assert not passes or found == []
