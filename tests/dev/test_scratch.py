"""What a command leaves behind: nothing, or the logs of what failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.dev import emulators
from headrace.dev.emulators import running_emulators
from headrace.dev.pubsub_services import JAR_VARIABLE, EmulatorMissingError, PubsubService
from headrace.runtime.scratch import scratch_folder


def test_nothing_is_left_of_what_went_well() -> None:
    with scratch_folder("headrace-test-") as folder:
        (folder / "job.log").write_text("said")
        (folder / "journal").mkdir()
    assert not folder.exists()


def test_of_what_failed_the_logs_are_left_and_no_key() -> None:
    with pytest.raises(RuntimeError), scratch_folder("headrace-test-") as folder:  # noqa: PT012
        (folder / "job.log").write_text("said")
        (folder / "masking.key").write_text("secret")
        (folder / "journal").mkdir()
        raise RuntimeError
    assert [each.name for each in folder.iterdir()] == ["job.log"]


def test_what_is_interrupted_leaves_nothing() -> None:
    with pytest.raises(KeyboardInterrupt), scratch_folder("headrace-test-") as folder:  # noqa: PT012
        (folder / "job.log").write_text("said")
        raise KeyboardInterrupt
    assert not folder.exists()


def test_a_java_that_is_too_old_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'java.lang.UnsupportedClassVersionError: a/B' >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(JAR_VARIABLE, str(java))
    monkeypatch.setattr(emulators, "_bigquery_command", lambda: ["sleep", "60"])
    with (
        pytest.raises(EmulatorMissingError, match="Java is too old: install Java 17"),
        running_emulators(tmp_path, PubsubService.GOOGLE_EMULATOR),
    ):
        pass
