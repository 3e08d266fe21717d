"""Every setting has an effect on an engine, or the page says that this engine leaves it alone."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final
from unittest.mock import MagicMock

import pytest

from headrace.cli.commands import run
from headrace.config import settings as settings_module
from headrace.config.key_files import write_key_file
from headrace.config.setting_engines import DATAFLOW_ALONE, EMBEDDED_ALONE, ReadBy, read_by
from headrace.config.settings import Settings, load_settings
from headrace.deploy.dataflow_flags import dataflow_flags
from headrace.deploy.submit import pipeline_for
from headrace.engine import build
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from headrace.schemas.samples import SAMPLES
from tests.deploy.test_deploy import TOLD
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("nothing_set")

BEFORE_THE_ENGINE: Final = {"profile"}  # chooses what lies over the file, before there are settings
READ: set[str] = set()


class Watched(Settings):
    """Settings that note what is read of them."""

    def __getattribute__(self, name: str) -> Any:
        if name in Settings.model_fields:
            READ.add(name)
        return super().__getattribute__(name)


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_module, "Settings", Watched)
    READ.clear()


def expected(engine: ReadBy) -> set[str]:
    return {name for name in Settings.model_fields if read_by(name) in (engine, ReadBy.BOTH)} - BEFORE_THE_ENGINE


def test_a_job_on_dataflow_reads_its_settings_and_no_others() -> None:
    given = load_settings(project="a-project", contracts=SAMPLES, dataflow=TOLD)
    pipeline_for(given, [*dataflow_flags(given), "--dry_run=True"])  # else Beam looks for the bucket, for minutes
    # Refused when it is set; a name that is made and not used; read for the checks of contracts, and refused if needed.
    refused_or_named = {"append_seconds", "archive_dataset", "schema_registry"}
    assert READ - refused_or_named == expected(ReadBy.DATAFLOW)


def test_the_embedded_engine_reads_its_settings_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (PUBSUB, BIGQUERY, BIGQUERY_STORAGE):
        monkeypatch.setenv(name, "localhost:1")
    for name in ("Embedded", "known_complete"):
        monkeypatch.setattr(build, name, MagicMock())
    for name in ("stop_on_signals", "set_up_logs"):
        monkeypatch.setattr(run, name, MagicMock())
    monkeypatch.setattr(run, "_log_unreachable", lambda: None)
    monkeypatch.setattr(run, "collect_less_often", lambda: None)
    monkeypatch.setattr(run, "serving_health", lambda *arguments: nullcontext())
    key = write_key_file(tmp_path / "masking.key", bytes(32))
    run.run_until_stopped(load_settings(project="a-project", contracts=SAMPLES, masking_key_file=key))
    assert READ - {"shards"} == expected(ReadBy.EMBEDDED)


def test_no_step_of_the_embedded_engine_asks_for_shards() -> None:
    sources = {path: path.read_text() for path in (ROOT / "stream" / "headrace" / "engine").glob("*.py")}
    assert [path.name for path, text in sources.items() if ".shards" in text] == []


def test_only_settings_that_exist_are_classified() -> None:
    assert set(Settings.model_fields) >= EMBEDDED_ALONE | DATAFLOW_ALONE
    assert not EMBEDDED_ALONE & DATAFLOW_ALONE
