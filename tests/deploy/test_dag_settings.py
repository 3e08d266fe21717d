"""Settings of the DAGs: the file that comes with them, and files with other contents."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from headrace_dags.settings import (
    Backfill,
    Dataflow,
    Nightly,
    Notify,
    Settings,
    SettingsError,
    load_settings,
    seconds,
)
from tests.support.paths import ROOT

SHIPPED = ROOT / "dags" / "settings.toml"


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(SHIPPED.read_text())
    monkeypatch.setenv("HEADRACE_DAGS_SETTINGS", str(path))
    return path


def test_the_file_that_comes_with_them_shows_every_setting(given: Path) -> None:
    settings = load_settings()

    assert settings.backfill[0].first_run.isoformat() == "2026-01-01T00:00:00+00:00"
    shown = given.read_text()
    every = [each.name for class_ in (Settings, Backfill, Dataflow, Nightly, Notify) for each in fields(class_)]
    assert [name for name in every if name not in shown] == []


@pytest.mark.parametrize(
    ("text", "instead", "message"),
    [
        pytest.param("project =", "projekt =", "mine.toml: unknown: projekt; missing: project", id="misspelt on top"),
        pytest.param("subject =", "subjekt =", "backfill: unknown: subjekt; missing: subject", id="in a feed"),
        pytest.param("template =", "templates =", "dataflow: unknown: templates; missing: template", id="in a table"),
        pytest.param(
            'newest_within = "6h"', 'newest_within = "six"', "backfill.newest_within: invalid duration", id="time"
        ),
        pytest.param("/{day}.csv", "/day.csv", "backfill.file: without {day}", id="the same file every day"),
    ],
)
def test_what_it_says_wrong_is_named(given: Path, text: str, instead: str, message: str) -> None:
    given.write_text(given.read_text().replace(text, instead, 1))

    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert message in str(refused.value)


def test_durations_are_read() -> None:
    assert [seconds(text, "since") for text in ("90m", "6h", "2d")] == [5_400, 21_600, 172_800]
