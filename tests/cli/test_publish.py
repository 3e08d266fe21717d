"""Lines for ``headrace publish``: what is wrong with one is reported before anything is sent."""

from __future__ import annotations

import pytest

from headrace.cli.commands.publish import InvalidLineError, publish_lines
from headrace.config.settings import Settings
from headrace.schemas.samples import SAMPLES

FLIGHT = (
    '{"carrier": "UA", "flight": 1545, "origin": "EWR", "destination": "IAH", "distance_miles": 1400, '
    '"cancelled": false, "scheduled_at": "2026-11-20T05:15:00Z"}'
)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (('"2026-11-20T05:15:00Z"', '"2026-11-20T05:15:00.123456789Z"'), "scheduled_at: finer than a microsecond"),
        (('"2026-11-20T05:15:00Z"', '"2026-W47-5T05:15:00Z"'), "scheduled_at: text that is not"),
        (('"2026-11-20T05:15:00Z"', '"2016-12-31T23:59:60Z"'), "scheduled_at: a leap second"),
        (("1400", "1e400"), "distance_miles: an int beyond 32 bits"),
        (("1400", "1400.5"), "distance_miles: a number that is not whole"),
        (("1400", '"1_400"'), "distance_miles: text that is not"),
        (("1400", "NaN"), "no NaN and no infinities"),
        (('"flight": 1545', '"flight": 1, "flight": 2'), "the same key twice"),
        (("1400", "9" * 5000), "a number of more than 1,000 digits"),
    ],
)
def test_a_line_that_is_no_event_is_named_with_its_reason(wrong: tuple[str, str], expected: str) -> None:
    settings = Settings(project="some-project", contracts=SAMPLES)
    with pytest.raises(InvalidLineError, match=f"^line 2: .*{expected}") as raised:
        publish_lines(
            settings,
            "flight_departed",
            [FLIGHT, FLIGHT.replace(*wrong)],
            "/test",
        )
    assert raised.value.__suppress_context__
