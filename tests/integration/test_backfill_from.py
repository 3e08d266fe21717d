"""Rows of a database and of an API on the emulators: the same rows as of files, each once, through every failure."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from headrace.backfill.build_backfill import build_backfill
from headrace.backfill.connectors.connector_config import read_pull
from headrace.cli.commands.backfill_from import Pulling
from headrace.runtime.clock import now_micros
from headrace.schemas.identity import derive_event_id
from headrace.schemas.samples import SAMPLES
from tests.integration.test_backfill import SUBJECT, Done, Place, flights, streamed
from tests.support.api import FAILED, RATE_LIMITED, TOKEN, a_served_api
from tests.support.builders import FLIGHT
from tests.support.databases import FIELDS, as_json, execute, insert
from tests.support.jobs import COMMAND

pytestmark = pytest.mark.emulators
SQL = f"""
subject = "flight_departed"
[sql]
url = {{ env = "FLIGHTS_DATABASE" }}
table = "departures"
[cursor]
column = "n"
[fields]
{FIELDS}"""
API = """
subject = "flight_departed"
[api]
url = "{url}"
path = "departures"
records = "data.items"
paging = {{ type = "page_number", base_page = 1, page_param = "page" }}
auth = {{ type = "bearer", token = {{ env = "API_TOKEN" }} }}
[cursor]
column = "n"
parameter = "since"
ordered = true
[fields]
carrier = "airline.code"
"""


class PullPlace(Place):
    """A place with a database beside it."""

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder}/flights.db"

    def described(self, text: str) -> Path:
        path = self.folder / "flights.toml"
        path.write_text(text)
        return path

    def pulled(self, text: str) -> tuple[int, int]:
        """How many new rows a pull takes in this process, and how many of them it writes."""
        more = {"journal": self.folder / "pull", "masking_key_file": self.key, "round_messages": 250}
        settings = self.service.settings.model_copy(update=more)
        pull = read_pull(self.described(text), settings.registry())
        engine, source = build_backfill(settings, Pulling(pull, now_micros()))
        engine.run()
        assert source.finished
        counts = engine.status.subjects[SUBJECT].counts
        return counts["received"], counts["written"]

    def killed(self, text: str, crash_at: str) -> Done:
        """``headrace backfill --from`` as a process of its own, which dies."""
        command = [*COMMAND, "backfill", "--from", str(self.described(text)), "--json"]
        command += ["--project", self.service.settings.project, "--masking-key-file", str(self.key)]
        command += ["--contracts", str(SAMPLES)]
        done = subprocess.run(
            [*command, "--journal", str(self.folder / "pull")],
            cwd=self.folder,
            env={**os.environ, "HEADRACE_ROUND_MESSAGES": "250"}
            | ({"HEADRACE_CRASH_AT": crash_at} if crash_at else {}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, {}, done.stderr)


@pytest.fixture
def place(project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PullPlace:
    made = PullPlace(project, tmp_path)
    monkeypatch.setenv("FLIGHTS_DATABASE", made.database)
    monkeypatch.setenv("API_TOKEN", TOKEN)
    return made


def test_a_database_an_api_and_a_stream_give_the_same_rows_and_a_second_run_only_what_is_new(
    place: PullPlace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    events = flights(1_000)
    insert(place.database, events[:900])
    assert place.pulled(SQL) == (900, 900)
    insert(place.database, events[900:], first=901)
    assert place.pulled(SQL) == (100, 100)

    other = PullPlace(f"{place.service.settings.project}-b", tmp_path_factory.mktemp("api"))
    moods = {3: RATE_LIMITED, 5: FAILED, 6: FAILED}
    with a_served_api(as_json(events[:900]), page=100, moods=moods) as api:
        text = API.format(url=api.url)
        assert other.pulled(text) == (900, 900)
        assert (len(api.requests), api.given) == (10 + len(moods), 900), "nine pages, and the empty one at the end"
        api.rows += as_json(events[900:], 901)
        assert other.pulled(text) == (100, 100)
        assert (len(api.requests), api.given) == (10 + len(moods) + 3, 900 + 101), "from the last row on"
    rows = place.rows()
    assert len(rows) == 1_000
    assert other.rows() == rows

    streamed(place.service, events[::10])
    place.service.run_until(acknowledged=100)
    assert place.rows() == rows, "what streams in later is the same event"
    assert place.audit().code == 0


@pytest.mark.parametrize(("kind", "plan"), [("database", "decoded:2"), ("api", "committed:2")])
def test_killed_between_pull_and_append_it_loses_and_doubles_nothing(place: PullPlace, kind: str, plan: str) -> None:
    events = flights(1_000)
    insert(place.database, events)
    execute(place.database, "UPDATE departures SET distance_miles = NULL WHERE n = 501")
    rows = as_json(events)
    rows[500]["distance_miles"] = None
    with a_served_api(rows, page=90, moods={4: RATE_LIMITED}) as api:
        text = SQL if kind == "database" else API.format(url=api.url)
        killed = place.killed(text, plan)
        assert killed.code == -9, killed.output
        received, _ = place.pulled(text)
        assert received < 1_000, "it went on where it was"
        assert place.pulled(text) == (0, 0)
    ids = [row["_event_id"] for row in place.rows("_event_id")]
    good = {str(derive_event_id(FLIGHT, each)) for each in events[:500] + events[501:]}
    print(f"{kind}, killed: {len(good - set(ids))} lost, {len(ids) - len(set(ids))} doubled of {len(good):,}")
    assert sorted(ids) == sorted(good)
    (letter,) = place.service.dead_letters(1)
    assert letter.attributes["headrace-dl-reason"] == "invalid_line"
    assert letter.attributes["backfill-file"] == "flights.toml"
    assert letter.attributes["backfill-cursor"] == "n = 501"
    assert place.audit().code == 0
