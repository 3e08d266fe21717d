"""Kills at random moments, with the broker down half of the time; ``python -m tests.outbox_kills`` has hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import outbox_kills
from tests.outbox_arrivals import in_the_table
from tests.support.databases import HAS_POSTGRESQL


@pytest.fixture(autouse=True)
def nothing_else_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "set by the run")


@pytest.mark.emulators
def test_every_event_whose_publish_returned_arrives(tmp_path: Path) -> None:
    result = outbox_kills.run(10, seed=1, folder=tmp_path)
    assert result.accepted
    assert not result.lost, result
    assert not result.gaps, result


@pytest.mark.emulators
def test_every_event_whose_publish_returned_is_once_in_the_table(tmp_path: Path) -> None:
    result = outbox_kills.run(10, seed=1, folder=tmp_path, arrivals_at=in_the_table)
    assert result.accepted
    assert (result.lost, result.doubled) == (0, 0), result


@pytest.mark.emulators
@pytest.mark.skipif(not HAS_POSTGRESQL, reason="no PostgreSQL server is installed")
def test_every_event_of_a_committed_transaction_arrives_and_no_other(tmp_path: Path) -> None:
    result = outbox_kills.run_transactional(10, seed=1, folder=tmp_path)
    assert result.accepted
    assert (result.lost, result.wrong) == (0, 0), result
