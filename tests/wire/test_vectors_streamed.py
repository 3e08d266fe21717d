"""The test vectors of ``docs/wire.md`` through the whole service: published, read back by SQL, compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from google.pubsub_v1.types import PubsubMessage

from headrace.audit.reconcile import count_subjects
from headrace.core.dead_letter import PREFIX
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher
from headrace.schemas.registry import Registry
from tests.support.readers import KINDS, columns_of
from tests.support.service import Service, a_service
from tests.wire.messages import payload_of
from tests.wire.row_json import comparable, row_in_json
from tests.wire.vectors import FILE

pytestmark = pytest.mark.emulators
FOUND: Final = json.loads(FILE.read_text())
VECTORS: Final[list[dict[str, Any]]] = FOUND["vectors"]
Letters = dict[str, tuple[str, str]]  # reason and detail, by the name of the vector


@pytest.fixture(params=KINDS)
def _decoder_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.steps.decode.decode_messages.columns_for", partial(columns_of, request.param))


def contracts(folder: Path) -> Registry:
    """The contracts of the file, as a reader of it writes them."""
    for each in FOUND["contracts"]:
        (folder / f"{each['subject']}.v{each['version']}.avsc").write_text(json.dumps(each["schema"]))
    return Registry.load(folder)


def publish(service: Service, vectors: list[dict[str, Any]]) -> dict[str, str]:
    """Publish vectors; the name of each by the id of its message."""
    publisher, names = open_gapic_publisher(), {}
    for each in vectors:
        message = PubsubMessage(data=payload_of(each), attributes=each["attributes"])
        answer = publisher.publish(topic=service.names.topic(each["subject"]), messages=[message])
        names[answer.message_ids[0]] = each["name"]
    return names


def letters(service: Service, names: Mapping[str, str]) -> Letters:
    found = service.dead_letters(sum("dead_letter" in each for each in VECTORS))
    return {
        names[each.attributes[f"{PREFIX}message-id"]]: (
            each.attributes[f"{PREFIX}reason"],
            each.attributes[f"{PREFIX}error"],
        )
        for each in found
    }


def rows(service: Service) -> dict[str, list[str]]:
    """The rows of each table, without the time at which they were written."""
    found = {}
    for subject in service.registry.subjects:
        table = service.registry.latest(subject).options.table
        answer = open_bigquery(service.settings.project).query_and_wait(f"SELECT * FROM {service.names.sql(table)}")
        schema = [field for field in answer.schema if field.name != "_ingested_at"]
        found[subject] = sorted(comparable(schema, row_in_json(schema, row)) for row in answer)
    return found


def expected_rows(service: Service) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for subject in service.registry.subjects:
        table = open_bigquery(service.settings.project).get_table(
            service.names.sql(service.registry.latest(subject).options.table).strip("`")
        )
        listed = [each["row"] for each in VECTORS if each["subject"] == subject and "row" in each]
        found[subject] = sorted(comparable(table.schema, row) for row in listed)
    return found


@pytest.mark.usefixtures("_decoder_kind")
def test_each_vector_becomes_what_the_file_says(project: str, tmp_path: Path) -> None:
    service = a_service(project, contracts(tmp_path))
    later = [each for each in VECTORS if "duplicate_of" in each or "conflicts_with" in each]
    first = [each for each in VECTORS if each not in later]
    names = publish(service, first)
    service.run_until(acknowledged=len(first))
    names |= publish(service, later)
    service.run_until(acknowledged=len(later))

    written, expected = rows(service), expected_rows(service)
    for subject in service.registry.subjects:
        assert sorted({*written[subject]} ^ {*expected[subject]}) == [], subject
    assert written == expected
    found = letters(service, names)
    assert {name: reason for name, (reason, _) in found.items()} == {
        each["name"]: each["dead_letter"] for each in VECTORS if "dead_letter" in each
    }
    wrong = {name: detail for name, (_, detail) in found.items() if not says(name, detail)}
    assert wrong == {}
    counted = count_subjects(service.registry, service.names, open_bigquery(project))
    assert sum(each.duplicates for each in counted) == sum("duplicate_of" in each for each in VECTORS)
    assert sum(each.written for each in counted) == sum("row" in each for each in VECTORS)


def says(name: str, detail: str) -> bool:
    """Whether the job's words are those of the file."""
    (vector,) = [each for each in VECTORS if each["name"] == name]
    return vector["detail"] in detail
