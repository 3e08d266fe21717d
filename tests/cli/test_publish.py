"""Lines for ``headrace publish``: what is wrong with one is reported before anything is sent."""

from __future__ import annotations

from inspect import signature
from typing import Any, get_args, get_type_hints

import pytest

from headrace.cli.commands import publish as command
from headrace.cli.commands.publish import InvalidLineError, publish_lines
from headrace.cli.project_group import publish
from headrace.config.settings import Settings
from headrace.producers.testing import FakePublisher
from headrace.schemas.json_encoding.rules import CONVENTIONS
from headrace.schemas.registry import Registry
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


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePublisher:
    publisher = FakePublisher()
    monkeypatch.setattr(command, "PubSubPublisher", lambda project, **more: publisher)
    monkeypatch.setattr(command, "reach", lambda service: None)
    return publisher


def test_lines_of_jackson_are_published_by_its_convention(fake: FakePublisher) -> None:
    settings = Settings(project="some-project", contracts=SAMPLES)
    jackson = FLIGHT.replace('"2026-11-20T05:15:00Z"', "1795151700.000000000")
    without_nulls = {"tail_number": None, "departed_at": None, "departure_delay_minutes": None}

    publish_lines(settings, "flight_departed", [FLIGHT, jackson], "/test", "jackson")

    first, second = fake.events("flight_departed", Registry.load(SAMPLES))
    assert first == second
    assert first | without_nulls == first
    with pytest.raises(InvalidLineError, match=r"^line 1: scheduled_at: not text"):
        publish_lines(settings, "flight_departed", [jackson], "/test")


def test_a_line_of_another_convention_is_named_with_field_and_byte(fake: FakePublisher) -> None:
    settings = Settings(project="some-project", contracts=SAMPLES)
    lines = [FLIGHT, FLIGHT.replace('"2026-11-20T05:15:00Z"', "1795151700")]

    with pytest.raises(
        InvalidLineError, match=r"^line 2: scheduled_at: a whole number, .* at byte 133; set timestamps"
    ):
        publish_lines(settings, "flight_departed", lines, "/test", "jackson")
    assert fake.messages == []


def test_the_option_names_each_convention() -> None:
    option: Any = get_type_hints(publish)["json_convention"]

    assert signature(publish).parameters["json_convention"].default is None
    assert [name for choice in get_args(option) for name in get_args(choice)] == [*CONVENTIONS]
