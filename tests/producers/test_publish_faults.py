"""A broker that fails at random moments; ``python -m tests.publish_faults`` takes as long as it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import publish_faults

SECONDS = 8.0


@pytest.fixture(autouse=True)
def nothing_else_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "set by the run")


@pytest.mark.emulators
def test_what_is_confirmed_arrives_in_order_although_the_broker_is_killed_and_frozen(tmp_path: Path) -> None:
    result = publish_faults.run(SECONDS, seed=1, folder=tmp_path)
    assert result.is_good, result
    assert result.failed == 0, result


@pytest.mark.emulators
def test_what_is_confirmed_arrives_in_order_although_answers_fail() -> None:
    result = publish_faults.run_scripted(SECONDS, seed=1)
    assert result.is_good, result
    assert result.doubled, "some answers were lost after the messages were taken"


@pytest.mark.emulators
def test_a_close_during_an_outage_waits_for_its_end() -> None:
    outage = publish_faults.run_outage(3, None)
    assert (outage.confirmed, outage.unsettled, outage.reported) == (outage.accepted, 0, "")


@pytest.mark.emulators
def test_a_close_that_gives_up_during_an_outage_says_how_many_are_under_way() -> None:
    outage = publish_faults.run_outage(3, 0.5)
    assert outage.reported == "9,000 events are still under way and may arrive yet"
    assert outage.confirmed == outage.accepted, "and they arrive, because the process lives on"
