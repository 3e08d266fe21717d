"""What an engine is built of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from headrace.config.settings import Settings, load_settings
from headrace.engine import build
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from headrace.schemas.samples import SAMPLES

Build = Callable[[Settings], Any]


def of_subscriptions(settings: Settings) -> Any:
    return build.build_engine(settings, MagicMock(), MagicMock())


def of_a_backfill(settings: Settings) -> Any:
    return build.build_backfill_engine(settings, MagicMock(), MagicMock(), MagicMock(), MagicMock(), threading.Event())


@pytest.fixture(autouse=True)
def offline(nothing_set: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (PUBSUB, BIGQUERY, BIGQUERY_STORAGE):
        monkeypatch.setenv(name, "localhost:1")
    monkeypatch.setattr(build, "Embedded", lambda **parts: parts)
    for name in ("known_complete", "reach"):
        monkeypatch.setattr(build, name, MagicMock())


@pytest.mark.parametrize("engine", [of_subscriptions, of_a_backfill])
@pytest.mark.parametrize(("append", "lease", "claim"), [(60, 30, 10), (60, 300, 60), (5, 30, 5)])
def test_a_claim_is_stated_in_a_third_of_the_lease_or_the_time_of_an_append(
    engine: Build, append: int, lease: int, claim: float
) -> None:
    given = load_settings(project="a-project", contracts=SAMPLES, append_seconds=append, lease_seconds=lease)
    clients = engine(given)["clients"]
    assert clients.streams._append_seconds == append
    assert clients.claim_streams._append_seconds == claim


def test_only_a_backfill_ends_with_its_files(tmp_path: Path) -> None:
    given = load_settings(project="a-project", contracts=SAMPLES, journal=tmp_path)
    assert [engine(given)["once"] for engine in (of_subscriptions, of_a_backfill)] == [False, True]
    assert of_a_backfill(given)["holder"] == f"a backfill on {of_subscriptions(given)['holder']}"
