"""In which order the resources of many subjects are checked, and how they are reported."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden, ServiceUnavailable
from google.cloud import bigquery
from structlog.testing import capture_logs

from headrace.bigquery.event_table import table_for
from headrace.core.micro_batch import from_ipc
from headrace.engine import resource_watch
from headrace.engine.continuity import Gap
from headrace.engine.journal import Journal
from headrace.engine.resource_watch import Watch, Watched
from headrace.engine.status import SubjectStatus
from tests.support.bigquery_in_memory import Warehouse
from tests.support.builders import a_contract
from tests.support.engines import Given


class Checked(Watch):
    """Notes what is looked at, and looks at nothing; stops after *most*."""

    def __init__(self, subjects: list[str], most: int, letters: Callable[[], list[str]] = list) -> None:
        unused: Any = None
        self.stop = threading.Event()
        self.names = subjects
        self.looked: list[str] = []
        self.status = {name: SubjectStatus(name) for name in "abcdef"}
        self._most = most
        super().__init__(self._all, client=unused, location=None, letters=letters, journal=unused, stop=self.stop)

    def _all(self) -> list[Watched]:
        unused: Any = None
        return [Watched(name, unused, unused, unused, None, self.status[name]) for name in self.names]

    def look(self, watched: Watched, every: float = 0.0) -> None:
        self.looked.append(watched.subject)
        if len(self.looked) == 2:
            self.names = list("abcdef")  # the others have started meanwhile
        if len(self.looked) == self._most:
            self.stop.set()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(resource_watch, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(resource_watch, "CHECKS_A_SECOND", 1000.0)
    monkeypatch.setattr(resource_watch, "FIRST_CHECKS_A_SECOND", 1000.0)


def test_those_that_were_never_checked_come_first_and_then_each_in_turn() -> None:
    checked = Checked(["a", "b"], 12)
    checked.run()
    assert "".join(checked.looked) == "abcdefabcdef"


def test_every_subject_reports_that_letters_are_not_kept() -> None:
    checked = Checked(["a"], 12, lambda: ["no subscription keeps them"])
    checked.run()
    assert {name for name in "abcdef" if checked.status[name].in_the_way} == set("abcdef")


def test_what_is_not_right_is_looked_at_again_soon_and_the_rest_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 3600.0)
    checked = Checked(list("abcdef"), 12)
    for name in "abdef":
        checked.status[name].resources_right = True
    checked.run()
    assert "".join(checked.looked) == "abcdef" + "c" * 6


def test_that_letters_are_kept_again_is_seen_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    #  not kept|not kept|kept: not asked again for CHECK_SECONDS
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 3600.0)
    answers: Iterator[list[str]] = iter([["nobody keeps them"], ["nobody keeps them"], []])
    checked = Checked(["a"], 30, lambda: next(answers))
    checked.run()
    assert (list(answers), checked.status["a"].in_the_way) == ([], {})


def in_time(checked: Checked) -> str:
    """What is looked at within some seconds, in order."""
    thread = threading.Thread(target=checked.run, daemon=True)
    thread.start()
    thread.join(6)
    checked.stop.set()
    thread.join(6)
    return "".join(checked.looked)


def test_subjects_are_checked_as_soon_as_there_are_some() -> None:
    checked = Checked([], 3)
    asked, every = [False], checked._subjects

    def none_at_first() -> Sequence[Watched]:
        checked.names = ["a"] if asked[0] else []
        asked[0] = True
        return every()

    checked._subjects = none_at_first
    assert in_time(checked) == "aaa"


def test_first_checks_do_not_wait_for_the_pace_of_repeated_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    #  a to f as fast as may be|a again|a long pause
    monkeypatch.setattr(resource_watch, "CHECKS_A_SECOND", 0.001)
    checked = Checked(list("abcdef"), 6)
    assert in_time(checked) == "abcdef"


def test_the_first_checks_of_many_subjects_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked(list("abcdef"), 14)
    assert len(in_time(checked)) == 14


def test_a_failed_check_of_the_letters_is_repeated_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 3600.0)
    answers: Iterator[list[str]] = iter([["nobody keeps them"]])

    def ask() -> list[str]:
        if not asked:
            asked.append("away")
            raise ServiceUnavailable("away")
        return next(answers, [])

    asked: list[str] = []
    checked = Checked(["a"], 30, ask)
    in_time(checked)
    assert (list(answers), checked.status["a"].in_the_way) == ([], {})


THINGS = a_contract(("city", "string"))
TABLE = "p.headrace.things"


class Resources:
    """One subject, its table in memory, and a source of which something may be wrong."""

    def __init__(self, folder: Path, token_version: str | None = None) -> None:
        self.warehouse = Warehouse()
        self.warehouse.make(table_for(THINGS, "p", "headrace"))
        self.source = Given(finite=False)
        self.gaps: list[Gap] = []
        self.source.settle_gaps = self._settle  # type: ignore[method-assign]
        self.journal = Journal.open(folder)
        self.journal.claim("a test", 0, 3600)
        self.seen: bigquery.Table | None = None
        self.letters: list[str] = []
        self.status = SubjectStatus("thing_happened")
        described, client = table_for(THINGS, "p", "headrace"), self.warehouse
        self.watched = Watched("thing_happened", self.source, described, self._seen, token_version, self.status)
        self.watch = Watch(
            lambda: [self.watched],
            client=client,  # type: ignore[arg-type]
            location="EU",
            letters=list,
            journal=self.journal,
            stop=threading.Event(),
        )

    def _settle(self, commit: Callable[[Gap], None]) -> None:
        for gap in self.gaps:
            commit(gap)

    def _seen(self, seconds: float) -> bigquery.Table | None:
        return self.seen if seconds >= 30.0 else None

    @property
    def table(self) -> bigquery.Table:
        """The table as it is, to be changed."""
        return self.warehouse.find(TABLE).table

    def reported(self) -> str | None:
        """What is reported as wrong after another look."""
        self.watch.look(self.watched)
        return self.status.in_the_way.get("resources")


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    resources = Resources(tmp_path / "journal")
    yield resources
    resources.journal.close()


def test_resources_are_right_after_a_look_without_findings(resources: Resources) -> None:
    before = resources.status.resources_right
    assert resources.reported() is None
    assert (before, resources.status.resources_right) == (False, True)


def test_a_problem_of_a_table_is_reported_until_it_is_repaired(resources: Resources) -> None:
    resources.table.require_partition_filter = True
    message = resources.reported()
    assert message is not None
    assert message.startswith(f"{TABLE}: the setting whether queries must filter on the partition")
    assert not resources.status.resources_right
    resources.table.require_partition_filter = False
    assert resources.reported() is None
    assert resources.status.resources_right


def test_all_problems_are_reported_in_one_sentence(resources: Resources) -> None:
    resources.source.wrong = ["s: the subscription pushes messages"]
    resources.watch = Watch(
        list,
        client=resources.warehouse,  # type: ignore[arg-type]
        location="US",
        letters=list,
        journal=resources.journal,
        stop=threading.Event(),
    )
    message = resources.reported()
    assert message == f"s: the subscription pushes messages; {TABLE}: it is in EU and the setting `location` is US"


def test_tokens_of_another_key_are_wrong_where_tokens_are_made(tmp_path: Path) -> None:
    resources = Resources(tmp_path / "journal", token_version="1")
    resources.table.description = "Tokens: t1_ since 2026-03-14."
    assert resources.reported() is None
    resources.table.description = "Tokens: t2_ since 2026-03-14."
    message = resources.reported()
    assert message is not None
    assert message.startswith(f"{TABLE}: ")
    assert "t2_" in message
    resources.journal.close()


def test_a_table_that_is_gone_or_hidden_is_named_with_the_remedy(resources: Resources) -> None:
    def hide(asked: str) -> None:
        raise Forbidden("no")

    resources.warehouse.in_the_way = hide
    assert resources.reported() == f"{TABLE}: cannot be checked; the job needs bigquery.tables.get on it"
    resources.warehouse.in_the_way = lambda asked: None
    resources.warehouse.drop("things")
    assert resources.reported() == f"{TABLE}: the table does not exist; `headrace provision` creates it"


def test_a_table_that_was_seen_a_moment_ago_is_not_requested_again(resources: Resources) -> None:
    asked: list[str] = []
    resources.warehouse.in_the_way = asked.append
    resources.seen = resources.warehouse.get_table(TABLE)
    resources.seen.require_partition_filter = True
    asked.clear()
    resources.watch.look(resources.watched, 30.0)
    assert "filter on the partition" in resources.status.in_the_way["resources"]
    assert asked == []
    assert resources.reported() is None, "it was seen longer ago than is asked for"


def test_resources_that_cannot_be_checked_are_reported_neither_right_nor_wrong(resources: Resources) -> None:
    resources.reported()

    def be_away(asked: str) -> None:
        raise ServiceUnavailable("away")

    resources.warehouse.in_the_way = be_away
    assert resources.reported() is None
    assert not resources.status.resources_right


def test_a_subject_that_starts_later_also_reports_that_letters_are_not_kept(resources: Resources) -> None:
    resources.watch._letters_problems = ["nobody keeps them"]
    resources.reported()
    assert resources.status.in_the_way == {"dead letters": "nobody keeps them"}
    resources.watch._letters_problems = []
    resources.reported()
    assert resources.status.in_the_way == {}


def test_a_time_from_which_messages_may_be_missing_is_counted_for_the_audit(resources: Resources) -> None:
    resources.gaps = [Gap(1_000_000, 2_000_000, "its topic was deleted")]
    resources.reported()
    (counts,) = resources.journal.tallies()[1]
    (row,) = from_ipc(counts).to_pylist()
    assert (row["subject"], row["outcome"], row["events"]) == ("thing_happened", "gap", 0)
    assert "its topic was deleted" in row["reason"]


def test_a_problem_is_logged_once_and_its_repair_once(resources: Resources) -> None:
    with capture_logs() as logs:
        for wrong in ([], ["it pushes"], ["it pushes"], [], []):
            resources.source.wrong = wrong
            resources.reported()
    assert [(each["event"], each.get("needs")) for each in logs] == [("blocked", "it pushes"), ("recovered", None)]
