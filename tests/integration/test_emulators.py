"""The emulators start, answer, and end with their parent."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from headrace.dev import emulators, pubsub_services
from headrace.dev.emulators import running_emulators
from headrace.dev.pubsub_services import EmulatorMissingError, PubsubService
from headrace.runtime.google_clients import (
    BIGQUERY,
    BIGQUERY_STORAGE,
    PUBSUB,
    open_bigquery,
    open_gapic_publisher,
    open_write,
)
from headrace.runtime.processes import tied
from tests.support.jobs import COMMAND, wait_for
from tests.support.paths import ROOT

GOOGLE = PubsubService.GOOGLE_EMULATOR
HOLDER = """
import json, sys
from pathlib import Path
import psutil
from headrace.dev.emulators import running_emulators
from headrace.dev.pubsub_services import PubsubService

with running_emulators(Path(sys.argv[1])):
    print(json.dumps([child.pid for child in psutil.Process().children(recursive=True)]), flush=True)
    sys.stdin.read()
"""


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


@pytest.mark.emulators
def test_both_answer_on_the_addresses_of_the_environment(emulators: emulators.Emulators, project: str) -> None:
    topic = open_gapic_publisher().create_topic(name=f"projects/{project}/topics/anything")
    dataset = open_bigquery(project).create_dataset("anything")

    assert (topic.name, dataset.project) == (f"projects/{project}/topics/anything", project)
    assert emulators.environment == {
        PUBSUB: emulators.pubsub_host,
        BIGQUERY: f"http://{emulators.bigquery_rest}",
        BIGQUERY_STORAGE: emulators.bigquery_grpc,
    }


@pytest.mark.emulators
def test_both_serve_from_the_first_moment_and_end_with_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = children()
    with running_emulators(tmp_path) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        started = children() - before
        client = open_bigquery("any-project")
        client.create_dataset("a_dataset")
        client.query_and_wait("CREATE TABLE a_dataset.things (city STRING)")
        table = "projects/any-project/datasets/a_dataset/tables/things"
        stream = open_write("any-project").get_write_stream(name=f"{table}/streams/_default", retry=None)

    assert stream.name.startswith(table)
    assert len(started) >= 2
    assert not [process for process in started if process.is_running()]
    kept = {"broker.db"} if PubsubService.chosen("") is PubsubService.BROKER else set()  # Google's keeps nothing
    assert {path.name for path in tmp_path.iterdir()} == {"pubsub.log", "bigquery-emulator.log", *kept}


@pytest.mark.emulators
def test_both_end_when_the_block_fails(tmp_path: Path) -> None:
    before = children()
    started: set[psutil.Process] = set()

    def fail() -> None:
        with running_emulators(tmp_path):
            started.update(children() - before)
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert len(started) >= 2
    assert not [process for process in started if process.is_running()]


@pytest.mark.emulators
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_no_orphan_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    family = [psutil.Process(pid) for pid in json.loads(holder.stdout.readline())]

    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    assert len(family) >= 2
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def test_a_missing_java_is_one_sentence_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EmulatorMissingError, match="install Java 17"), running_emulators(tmp_path / "logs", GOOGLE):
        pass


def with_java(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH that holds java and nothing else."""
    (folder / "java").symlink_to(shutil.which("java") or sys.executable)
    monkeypatch.setenv("PATH", str(folder))


def test_a_missing_pubsub_emulator_is_one_sentence_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_java(tmp_path, monkeypatch)
    monkeypatch.delenv("HEADRACE_PUBSUB_EMULATOR_JAR", raising=False)
    monkeypatch.setattr(pubsub_services, "_ROOTS", ())

    with (
        pytest.raises(EmulatorMissingError, match="gcloud components install"),
        running_emulators(tmp_path / "logs", GOOGLE),
    ):
        pass


def test_a_jar_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_java(tmp_path, monkeypatch)
    monkeypatch.setenv("HEADRACE_PUBSUB_EMULATOR_JAR", str(tmp_path / "none.jar"))

    with pytest.raises(EmulatorMissingError, match=r"none\.jar"), running_emulators(tmp_path / "logs", GOOGLE):
        pass


def variables_of(folder: Path) -> str | None:
    file = folder / ".headrace" / "emulators.env"
    return file.read_text() if file.exists() else None


@pytest.mark.emulators
def test_a_terminal_that_knows_the_ports_can_go_on_when_both_are_started_again(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        with subprocess.Popen(tied([*COMMAND, "up"]), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as up:
            try:
                wait_for(lambda: variables_of(tmp_path) is not None)
                seen.append(variables_of(tmp_path))
                up.send_signal(signal.SIGTERM)
                assert up.wait(60) == 0
            finally:
                up.kill()
        assert variables_of(tmp_path) is None, "nobody uses the addresses of services that have ended"
    assert seen[0] == seen[1]


@pytest.mark.emulators
@pytest.mark.parametrize("ports", ["", "1 2", "99999 1 x", "{taken} {taken} {taken}"])
def test_ports_that_cannot_be_had_again_are_others(tmp_path: Path, ports: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        before = [int(each) for each in ports.format(taken=taken).split() if each.isdigit()]
        with running_emulators(tmp_path, before=before) as running:
            assert str(taken) not in running.pubsub_host
