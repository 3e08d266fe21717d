"""The test of ``examples/producers``: a publisher in any language, called twice, and what its events become."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from headrace.audit.reconcile import SubjectAudit, count_subjects
from headrace.core.dead_letter import PREFIX
from headrace.runtime.google_clients import PUBSUB, open_bigquery
from headrace.schemas.registry import Registry
from tests.support.jobs import COMMAND
from tests.support.paths import ROOT
from tests.support.service import Service, a_service
from tests.wire.parcels import SUBJECT, TABLE, expected_row
from tests.wire.row_json import row_in_json

CONTRACTS: Final = ROOT / "examples" / "producers" / "contracts"
EVENTS: Final = 5_000
SECONDS: Final = 120  # that a publisher may take
_SHOWN: Final = 3  # of rows and letters that are wrong


@dataclass(frozen=True)
class Producer:
    """A publisher: its *language*, the *command* that starts it, and the folder in which it runs."""

    language: str
    command: Sequence[str]
    cwd: Path = ROOT

    @property
    def source(self) -> str:
        """What it writes as ``ce-source``."""
        return f"/examples/{self.language}"

    def publish(self, project: str, version: int, events: int) -> None:
        """Call it, and wait for its end; its output is in the error if it fails."""
        variables = {
            PUBSUB: os.environ[PUBSUB],
            "PUBSUB_PROJECT_ID": project,
            "TOPIC": SUBJECT,
            "CONTRACT": str(CONTRACTS / f"{SUBJECT}.v{version}.avsc"),
            "EVENTS": str(events),
        }
        done = subprocess.run(
            self.command,
            cwd=self.cwd,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{self.language} exited with {done.returncode}:\n{done.stdout}{done.stderr}"


def a_service_of_parcels(project: str) -> Service:
    """The service with the contracts of the task, provisioned: topic, subscription and table."""
    return a_service(project, Registry.load(CONTRACTS))


def assert_solves_the_task(producer: Producer, service: Service, events: int = EVENTS) -> None:
    """Check that each event is one row with its values, that retries are duplicates, and that the audit reconciles."""
    project = service.settings.project
    for version in (1, 2):
        producer.publish(project, version, events)
        service.run_until(acknowledged=events)
        counts = counted(service)
        assert not counts.dead_lettered, f"version {version}: {reasons(service, counts.dead_lettered.total())}"
    wrong = differing(service, producer.source, events)
    assert not wrong, "\n".join(wrong)
    assert counts.written == events, f"{counts.written} of {events} events are written"
    # A client that waits long for a confirmation sends a message again by itself: then there are more.
    assert counts.duplicates >= events, f"{counts.duplicates} duplicates of {events} events published twice"
    audited = audit(project)
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert "reconciled" in audited.stderr.split()


def counted(service: Service) -> SubjectAudit:
    """What the job has counted of the subject."""
    (counts,) = count_subjects(service.registry, service.names, open_bigquery(service.settings.project))
    return counts


def reasons(service: Service, count: int) -> list[tuple[str, int]]:
    """The most frequent words of dead letters, and how often they come."""
    found = service.dead_letters(count)
    words = Counter(f"{each.attributes[f'{PREFIX}reason']}: {each.attributes[f'{PREFIX}error']}" for each in found)
    return words.most_common(_SHOWN)


def differing(service: Service, source: str, events: int) -> list[str]:
    """The first rows that are missing, twice, or wrong, each as one line."""
    return list(islice(_differing(service, source, events), _SHOWN))


def _differing(service: Service, source: str, events: int) -> Iterator[str]:
    found = rows(service)
    for k in range(events):
        expected = expected_row(k, source)
        row = found.pop(expected["parcel"], None)
        if row is None:
            yield f"event {k} is missing"
        elif row != expected:
            wrong = {name: (row[name], value) for name, value in expected.items() if row[name] != value}
            yield f"event {k}, found and expected: {wrong}"
    for parcel in found:
        yield f"a parcel that is no event: {parcel!r}"


def rows(service: Service) -> dict[str, dict[str, Any]]:
    """The rows by parcel, each with the entries of its map in the order of their keys."""
    query = f"SELECT * EXCEPT (_ingested_at) FROM {service.names.sql(TABLE)}"
    answer = open_bigquery(service.settings.project).query_and_wait(query)
    found: dict[str, dict[str, Any]] = {}
    for each in answer:
        row = row_in_json(answer.schema, each)
        row["counts"].sort(key=lambda entry: entry["key"])
        assert row["parcel"] not in found, f"two rows of {row['parcel']!r}"
        found[row["parcel"]] = row
    return found


def audit(project: str) -> subprocess.CompletedProcess[str]:
    """Run ``headrace audit``, which also reads the rows back."""
    arguments = ["audit", "--project", project, "--contracts", str(CONTRACTS), "--grace", "0s", "--contents"]
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
