"""What the demo and the story publish is a function of a seed and a date."""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import islice

import pytest

from headrace.dev.demo.flights import flights
from headrace.dev.demo.mishap import mishap
from headrace.dev.demo.planting import Planted, Planting
from headrace.schemas.envelope import Envelope
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

# Not by == within an assertion: pytest would compute the difference of two long lists.
same = operator.eq
DAY = datetime(2028, 2, 29, tzinfo=UTC)
REGISTRY = Registry.load(SAMPLES)


def story(now: datetime, seed: int = 7) -> list[Planted]:
    return list(islice(mishap(now, seed), 60))


@cache
def planted(now: datetime) -> list[Planted]:
    return list(Planting(REGISTRY, 40, now))


def test_events_are_the_same_at_every_hour_of_a_day() -> None:
    last, elsewhere = DAY + timedelta(days=1, microseconds=-1), DAY.astimezone(timezone(timedelta(hours=14)))
    assert same(story(last), story(DAY))
    assert same(story(elsewhere), story(DAY))
    assert same(list(flights(20, last)), list(flights(20, DAY)))
    assert same(list(flights(20, elsewhere)), list(flights(20, DAY)))
    assert same(planted(last), planted(DAY))


def test_another_seed_makes_other_events() -> None:
    assert not same(story(DAY, seed=8), story(DAY))


@pytest.mark.parametrize("days", [1, 306, 3650])
def test_payloads_are_as_long_on_every_day(days: int) -> None:
    later = DAY + timedelta(days=days, hours=17)
    assert [len(each.data) for each in story(later)] == [len(each.data) for each in story(DAY)]


@pytest.mark.parametrize("hours", [0, 29])
def test_what_is_too_late_or_in_the_future_is_so_until_the_next_morning(hours: int) -> None:
    now = DAY + timedelta(hours=hours)
    for each in planted(DAY):
        if each.outcome not in ("written", "duplicate", "too_late", "in_the_future"):
            continue
        options = REGISTRY.latest(each.subject).options
        at = Envelope.from_attributes(each.attributes).event_time
        expected = "too_late" if at < now - options.late_after else "written"
        expected = "in_the_future" if at > now + options.ahead_at_most else expected
        assert expected == (each.outcome if each.outcome != "duplicate" else "written")
