"""The Flex Template: its metadata for Dataflow, the gcloud commands, and what the launcher runs."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions, WorkerOptions
from google.cloud.dataflow_v1beta3 import TemplateMetadata
from google.protobuf.json_format import ParseError

from headrace.cli.app import main
from headrace.config.dataflow import DataflowSettings
from headrace.config.setting_engines import EMBEDDED_ALONE
from headrace.config.settings import Settings, SettingsError, load_settings
from headrace.config.subscription_settings import SubscriptionSettings
from headrace.deploy.dataflow_flags import SECRETS
from headrace.deploy.flex_launcher import read_arguments
from headrace.deploy.flex_template import (
    BACKFILL_METADATA,
    BACKFILL_PARAMETERS,
    GIVEN,
    IMAGE,
    METADATA,
    PARAMETERS,
    backfill_metadata,
    build_backfill_command,
    build_command,
    metadata,
    run_command,
)
from headrace.deploy.gcloud import GcloudError, as_shell, run
from headrace.errors import Exit
from tests.deploy.test_deploy import TOLD
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("nothing_set")

FILE = "gs://a-bucket/templates/headrace.json"
WITH_GCLOUD = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
GIVEN_BY_GCLOUD = {"project", "dataflow"}  # the launch itself says them
IN_THE_IMAGE = {"contracts"}
# The first two are resolved before the launch. A template has only subscriptions of its own names, and no large events.
NOT_OF_A_JOB_ON_DATAFLOW = EMBEDDED_ALONE | {"profile", "production", "topics", "subscriptions", "large_events"}


def settings(**changed: Any) -> Settings:
    given = {**TOLD, "template_file": FILE, **changed}
    return load_settings(project="a-project", dataset="live", shards=16, dataflow=given)


def test_the_committed_metadata_is_what_the_settings_say() -> None:
    assert METADATA.read_text() == metadata(), "headrace template metadata > stream/headrace/deploy/metadata.json"
    command = "headrace template metadata --backfill > stream/headrace/deploy/backfill_metadata.json"
    assert BACKFILL_METADATA.read_text() == backfill_metadata(), command


def test_dataflow_knows_every_key_of_the_metadata() -> None:
    read = TemplateMetadata.from_json(metadata())
    assert [each.name for each in read.parameters] == [*PARAMETERS, *SECRETS, IMAGE]
    assert [each.name for each in read.parameters if not each.is_optional] == [*SECRETS, IMAGE]
    with pytest.raises(ParseError, match="isOptionall"):
        TemplateMetadata.from_json(metadata().replace("isOptional", "isOptionall"))


def test_every_setting_is_a_parameter_or_declared_not_to_be_one() -> None:
    classified = [frozenset(PARAMETERS), GIVEN_BY_GCLOUD, IN_THE_IMAGE, NOT_OF_A_JOB_ON_DATAFLOW]
    assert set[str]().union(*classified) == set(Settings.model_fields)
    assert sum(map(len, classified)) == len(Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("topics", {"flight_departed": "flights"}),
        ("subscriptions", (SubscriptionSettings(name="flights-to-bq", subject="flight_departed"),)),
        ("large_events", ("gs://acme-large",)),
    ],
)
def test_a_template_refuses_a_setting_that_its_job_would_not_have(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"{name}: a Flex Template has no parameter for it"):
        run_command(settings().model_copy(update={name: value}))


def test_a_value_that_is_taken_here_is_taken_at_the_launch() -> None:
    regexes = {each["name"]: each["regexes"][0] for each in json.loads(metadata())["parameters"]}
    given = dict(re.findall(r"--parameters=(\w+)=(\S+)", " ".join(run_command(settings()))))
    assert given.keys() == regexes.keys()
    assert {name for name, value in given.items() if not re.fullmatch(regexes[name], value)} == set()
    assert not re.fullmatch(regexes["shards"], "many")
    assert not re.fullmatch(regexes[IMAGE], "headrace:latest")


def test_what_a_launch_gives_is_what_the_launcher_reads() -> None:
    launched = settings()
    parameters = [
        each.removeprefix("--parameters=") for each in run_command(launched) if each.startswith("--parameters=")
    ]
    launcher = ["--runner=DataflowRunner", "--project=a-project", "--job_name=headrace", "--template_location=gs://b/j"]
    read, flags, given = read_arguments([*launcher, *(f"--{each}" for each in parameters)])
    assert given == {}
    assert {name: getattr(read, name) for name in PARAMETERS} == {name: getattr(launched, name) for name in PARAMETERS}
    assert read.dataflow == DataflowSettings.model_validate({name: TOLD[name] for name in SECRETS})
    options = PipelineOptions(flags)
    cloud = options.view_as(GoogleCloudOptions)
    assert (cloud.template_location, cloud.enable_streaming_engine) == ("gs://b/j", True)
    assert options.view_as(WorkerOptions).sdk_container_image == TOLD["image"]
    assert options.view_as(StandardOptions).streaming


def test_a_launch_that_names_files_is_a_backfill() -> None:
    described = TemplateMetadata.from_json(backfill_metadata())
    assert [each.name for each in described.parameters] == [*GIVEN, *BACKFILL_PARAMETERS, *SECRETS, IMAGE]
    assert [each.name for each in described.parameters if not each.is_optional] == ["subject", "files", *SECRETS, IMAGE]
    asked = {"subject": "flight_departed", "files": "gs://b/1.csv,gs://b/2*.csv"}
    parameters = asked | {name: TOLD[name] for name in SECRETS} | {IMAGE: TOLD["image"], "shards": "8"}
    launcher = ["--runner=DataflowRunner", "--project=a-project", "--temp_location=gs://b/temp"]
    read, flags, given = read_arguments([*launcher, *(f"--{name}={value}" for name, value in parameters.items())])
    assert given == {**asked, "mapping": None}
    assert read.shards == 8
    options = PipelineOptions(flags)
    assert not options.view_as(StandardOptions).streaming
    assert options.view_as(GoogleCloudOptions).temp_location == "gs://b/temp"
    with pytest.raises(SystemExit):
        read_arguments([*launcher, "--files=gs://b/1.csv"])


def test_the_file_that_the_launcher_runs_refuses_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = [f"--{name}={TOLD[name]}" for name in SECRETS]
    monkeypatch.setattr("sys.argv", ["main.py", "--project=a-project", "--shards=many", *secrets])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "docker" / "flex" / "main.py"))
    assert ended.value.code == Exit.CONFIGURATION
    assert "headrace: shards: Input should be a valid integer" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["region", "image", "template_file", "masking_key_secret"])
def test_what_is_missing_is_asked_for_before_gcloud_is_called(name: str) -> None:
    for command in (build_command, run_command):
        with pytest.raises(SettingsError, match=f"dataflow.{name}: missing: add under .* {name} = "):
            command(settings(**{name: None}))


def test_an_update_names_the_job_and_the_labels_that_changed() -> None:
    plain, update = run_command(settings()), run_command(settings(), update=True, mapping={"Old": "New", "A": "B"})
    assert update[:5] == ["gcloud", "dataflow", "flex-template", "run", "headrace"]
    assert [each for each in update if each not in plain] == ["--update", "--transform-name-mappings=Old=New,A=B"]


@WITH_GCLOUD
def test_gcloud_reads_metadata_and_flags_as_they_were_meant() -> None:
    command = [*build_command(settings()), "--print-only", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    spec = json.loads(json.loads(done.stdout))
    assert spec["image"] == TOLD["image"]
    copied = ("name", "description", "parameters")  # gcloud 528 leaves out what the API has besides
    assert spec["metadata"] == {name: json.loads(metadata())[name] for name in copied}
    assert spec["defaultEnvironment"] == {
        "enableStreamingEngine": True,
        "ipConfiguration": "WORKER_IP_PRIVATE",
        "kmsKeyName": TOLD["kms_key"],
        "machineType": "n2-standard-4",
        "maxWorkers": 20,
        "numWorkers": 2,
        "serviceAccountEmail": TOLD["service_account"],
        "stagingLocation": "gs://a-bucket/temp/staging",
        "subnetwork": TOLD["subnetwork"],
        "tempLocation": "gs://a-bucket/temp",
    }


@WITH_GCLOUD
def test_gcloud_reads_the_template_that_backfills() -> None:
    given = settings(backfill_template_file="gs://a-bucket/templates/backfill.json")
    command = [*build_backfill_command(given), "--print-only", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    spec = json.loads(json.loads(done.stdout))
    assert spec["metadata"] == json.loads(backfill_metadata())
    assert "enableStreamingEngine" not in spec["defaultEnvironment"]


@WITH_GCLOUD
def test_gcloud_has_every_flag_of_a_launch() -> None:
    command = run_command(settings(), update=True, mapping={"Old": "New"})
    help_ = subprocess.run([*command[:4], "--help"], capture_output=True, text=True, check=True).stdout
    plain = re.sub(r".\x08|\x1b\[[0-9;]*m", "", help_).replace("[no-]", "")
    known = set(re.findall(r"--[a-z-]+", plain)) | {"--project"}
    assert {each.partition("=")[0] for each in command[5:]} - known == set()


def a_gcloud(monkeypatch: pytest.MonkeyPatch, code: int) -> Path:
    """A command of that name that notes how it was called."""
    folder = Path("bin")
    folder.mkdir()
    (folder / "gcloud").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > called\nexit {code}\n')
    (folder / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder.absolute()}:/usr/bin:/bin")
    return Path("called")


def test_a_command_that_is_printed_is_the_one_that_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    called = a_gcloud(monkeypatch, 0)
    run(build_command(settings()))
    by_us = called.read_text()
    subprocess.run(["/bin/sh", "-c", as_shell(build_command(settings()))], check=True)
    assert called.read_text() == by_us == "\n".join(build_command(settings())[1:]) + "\n"


def test_a_failing_or_missing_gcloud_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    a_gcloud(monkeypatch, 2)
    with pytest.raises(GcloudError, match="gcloud: exited with 2"):
        run(["gcloud", "version"])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GcloudError, match="gcloud: not found; install it, or copy"):
        run(["gcloud", "version"])


def test_print_only_runs_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    called = a_gcloud(monkeypatch, 0)
    lines = [f"{name} = {json.dumps(value)}" for name, value in {**TOLD, "template_file": FILE}.items()]
    Path("headrace.toml").write_text("\n".join(['project = "a-project"', "[profile.prod.dataflow]", *lines]))
    for command in ("build", "run"):
        monkeypatch.setattr("sys.argv", ["headrace", "template", command, "--profile", "prod", "--print-only"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        assert f"gcloud dataflow flex-template {command} " in capsys.readouterr().out
    assert not called.exists()
