"""The tutorial on dead letters is run, as a person would run it; and its table holds what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB, open_bigquery
from tests.support.paths import ROOT
from tests.support.transcripts import COLUMNS, a_terminal, assert_as_printed, environment, replay

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(600)]
PAGE = ROOT / "docs/dead-letters/story.md"
TABLE = "`story-project.headrace.bookings`"
AUDITED = "headrace audit --grace 0s"


def rows(monkeypatch: pytest.MonkeyPatch, home: Path, query: str) -> list[dict[str, object]]:
    """Ask the story's own emulator, while it runs."""
    lines = (home / "story/.headrace/emulators.env").read_text().splitlines()
    places = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    for name in (PUBSUB, BIGQUERY, BIGQUERY_STORAGE):
        monkeypatch.setenv(name, places[name])
    return [dict(row.items()) for row in open_bigquery("story-project").query_and_wait(query)]


def test_the_story_of_5000_bookings_is_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audits = 0
    with a_terminal(ROOT, environment(tmp_path)) as terminal:
        for step, done in replay(PAGE.read_text(), terminal):
            assert_as_printed(step, done)
            assert [line for line in done.printed if len(line) > COLUMNS] == []
            audits += done.command == AUDITED
            if done.command == AUDITED and audits == 2:
                counted = "COUNT(*) AS n, COUNT(DISTINCT _event_id) AS ids, COUNTIF(_schema_version = 2) AS new"
                priced = "COUNTIF(_source = '/promo' AND total = 49) AS priced, COUNTIF(_source = '/promo') AS promo"
                (row,) = rows(monkeypatch, tmp_path, f"SELECT {counted}, {priced} FROM {TABLE}")
                assert row == {"n": 5000, "ids": 5000, "new": 400, "priced": 60, "promo": 60}
    assert audits == 2
