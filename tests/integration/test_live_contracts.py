"""Contracts that change in their folder while `headrace run` goes on: on the broker and the BigQuery emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import contract_json
from tests.support.jobs import wait_for
from tests.support.live_contracts import GATE, INCOMPATIBLE, NUMBER, SECOND, Live, a_live_job, publishing

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]
COUNT = 1000


@pytest.fixture
def live(project: str, tmp_path: Path) -> Iterator[Live]:
    with a_live_job(project, tmp_path) as live:
        yield live


def test_versions_are_interleaved_without_a_restart(live: Live) -> None:
    with publishing(lambda numbers: live.publish("thing_happened.v1", numbers), step=20, every=0.05) as first:
        wait_for(lambda: first() >= COUNT // 4)
        live.folder.put("thing_happened.v2", SECOND)
        live.provision()
        wait_for(lambda: live.version("thing_happened") == 2)
        second = range(1_000_000, 1_000_000 + COUNT)
        for start in range(0, COUNT, 100):
            live.publish("thing_happened.v2", second[start : start + 100])
        wait_for(lambda: first() >= COUNT)

    expected = [(number, None) for number in range(first())] + [(number, f"B{number}") for number in second]
    wait_for(lambda: len(live.rows()) >= len(expected))
    assert live.rows() == expected
    assert live.job.poll() is None, "it was never restarted"


def test_a_version_whose_column_is_missing_waits_for_it(live: Live) -> None:
    live.folder.put("thing_happened.v2", SECOND)
    wait_for(lambda: live.version("thing_happened") == 2)
    live.publish("thing_happened.v2", range(10))
    wait_for(lambda: "gate" in " ".join(live.reported("thing_happened").in_the_way.values()))
    live.publish("other_happened.v1", range(5))
    wait_for(lambda: len(live.rows("others")) == 5)

    live.provision()

    wait_for(lambda: len(live.rows()) == 10)
    assert live.rows() == [(number, f"B{number}") for number in range(10)]


def test_the_job_adds_columns_where_the_contract_lets_it(live: Live) -> None:
    live.publish("thing_happened.v1", range(10))
    wait_for(lambda: len(live.rows()) == 10)
    live.folder.put("thing_happened.v2", contract_json(NUMBER, GATE, evolve="automatic"))
    wait_for(lambda: live.version("thing_happened") == 2)
    live.publish("thing_happened.v2", range(10, 20))

    wait_for(lambda: len(live.rows()) == 20)
    assert live.rows() == [(n, None) for n in range(10)] + [(n, f"B{n}") for n in range(10, 20)]


def test_a_version_that_cannot_be_read_holds_its_subject_and_no_other(live: Live) -> None:
    live.publish("thing_happened.v1", range(10))
    wait_for(lambda: len(live.rows()) == 10)
    live.folder.put("thing_happened.v2", INCOMPATIBLE)
    wait_for(
        lambda: "thing_happened.v2.n: events of v1 cannot be read (TYPE_CHANGED)" in live.problem("thing_happened")
    )
    live.publish("thing_happened.v1", range(10, 20))
    live.publish("other_happened.v1", range(500))
    wait_for(lambda: len(live.rows("others")) == 500)
    assert len(live.rows()) == 10

    live.folder.remove("thing_happened.v2")

    wait_for(lambda: len(live.rows()) == 20)
    assert live.rows() == [(number, None) for number in range(20)]
    assert live.problem("thing_happened") == ""
    assert live.job.poll() is None
