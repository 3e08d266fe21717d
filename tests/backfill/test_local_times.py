"""Local times of every zone: those that no clock shows and those that one shows twice are found, and ruled on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.backfill.local_times import Ambiguous, Gap, in_utc
from headrace.schemas.errors import UnreadableTextError
from tests.support.strategies import FIXED_PROFILE

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
RULES = st.tuples(st.sampled_from(Gap), st.sampled_from(Ambiguous))
WIDEST = timedelta(hours=27)  # from the smallest to the largest offset that ever was


def moments_shown(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """The moments at which clocks in *zone* show *local*, by trying each offset that the zone has around it."""
    near = [local.replace(tzinfo=UTC) + WIDEST * step / 54 for step in range(-54, 55)]
    offsets = {moment.astimezone(zone).utcoffset() for moment in near}
    found = {local.replace(tzinfo=UTC) - offset for offset in offsets if offset is not None}
    return sorted(each for each in found if each.astimezone(zone).replace(tzinfo=None, fold=0) == local)


def changes(zone: ZoneInfo) -> list[datetime]:
    """The moments around which the clocks of *zone* are set, from 1972 to 2036, to the quarter of an hour."""
    found, step = [], timedelta(days=7)
    moment = datetime(1972, 1, 1, tzinfo=UTC)
    while moment < datetime(2036, 1, 1, tzinfo=UTC):
        if moment.astimezone(zone).utcoffset() != (moment + step).astimezone(zone).utcoffset():
            low, high = moment, moment + step
            while high - low > timedelta(minutes=15):
                middle = low + (high - low) / 2
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high.replace(second=0, microsecond=0))
        moment += step
    return found


@settings(FIXED_PROFILE, max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), RULES, st.data())
def test_every_zone_is_read_as_its_clocks_show(name: str, rules: tuple[Gap, Ambiguous], data: st.DataObject) -> None:
    zone, (gap, ambiguous) = ZoneInfo(name), rules
    times = st.datetimes(datetime(1972, 1, 1), datetime(2036, 1, 1))
    if around := changes(zone):
        near = st.builds(
            lambda moment, minutes: moment.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(minutes=minutes),
            st.sampled_from(around),
            st.integers(-150, 150),
        )
        times = near | times
    local = data.draw(times)
    shown = moments_shown(local, zone)
    try:
        found: datetime | None = in_utc(local, zone, gap, ambiguous)
    except UnreadableTextError:
        found = None
    match len(shown):
        case 0 if gap is Gap.SHIFT:
            assert found is not None
            assert found.astimezone(zone).replace(tzinfo=None, fold=0) > local
        case 0:
            assert found is None
        case 1:
            assert found == shown[0]
        case _:
            expected = {Ambiguous.REFUSE: None, Ambiguous.EARLIER: shown[0], Ambiguous.LATER: shown[-1]}
            assert found == expected[ambiguous]


@pytest.mark.parametrize(
    ("zone", "local", "gap", "ambiguous", "expected"),
    [
        ("America/Los_Angeles", "2025-03-09 02:00:00", "refuse", "refuse", "no clock in America/Los_Angeles shows"),
        ("America/Los_Angeles", "2025-03-09 02:00:00", "shift", "refuse", "2025-03-09 10:00:00+00:00"),
        ("America/Los_Angeles", "2025-03-09 03:00:00", "refuse", "refuse", "2025-03-09 10:00:00+00:00"),
        ("America/Los_Angeles", "2025-11-02 01:30:00", "shift", "refuse", "show twice"),
        ("America/Los_Angeles", "2025-11-02 01:30:00", "refuse", "earlier", "2025-11-02 08:30:00+00:00"),
        ("America/Los_Angeles", "2025-11-02 01:30:00", "refuse", "later", "2025-11-02 09:30:00+00:00"),
        ("Australia/Lord_Howe", "2025-10-05 02:15:00", "shift", "refuse", "2025-10-04 15:45:00+00:00"),
        ("Pacific/Apia", "2011-12-30 12:00:00", "refuse", "refuse", "no clock in Pacific/Apia shows"),
        ("Europe/Berlin", "0001-01-01 00:00:00", "refuse", "refuse", "outside years 1 to 9999"),
    ],
)
def test_the_rule_of_a_mapping_decides(zone: str, local: str, gap: str, ambiguous: str, expected: str) -> None:
    try:
        found = str(in_utc(datetime.fromisoformat(local), ZoneInfo(zone), Gap(gap), Ambiguous(ambiguous)))
    except UnreadableTextError as error:
        found = str(error)
    assert expected in found
