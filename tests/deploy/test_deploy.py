"""Options for Dataflow, and what an update changes; the submission itself needs an account and is not tested."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
    WorkerOptions,
)

from headrace.cli.app import main
from headrace.config.settings import Settings, SettingsError, load_settings
from headrace.deploy.dataflow_flags import backfill_flags, dataflow_flags, drain_script
from headrace.deploy.graph_comparison import GOLDEN, compare, load, renamed
from headrace.deploy.submit import pipeline_for
from headrace.errors import Exit
from headrace.schemas.samples import SAMPLES
from tests.support.foreign_orders import CONFLUENT, orders, write_contracts

pytestmark = pytest.mark.usefixtures("nothing_set")

TOLD = {
    "region": "europe-west1",
    "workers": 2,
    "max_workers": 20,
    "machine_type": "n2-standard-4",
    "subnetwork": "regions/europe-west1/subnetworks/jobs",
    "service_account": "headrace@a-project.iam.gserviceaccount.com",
    "temp_location": "gs://a-bucket/temp",
    "kms_key": "projects/a-project/locations/europe-west1/keyRings/r/cryptoKeys/k",
    "image": "europe-docker.pkg.dev/a-project/jobs/headrace@sha256:" + "0" * 64,
    "masking_key_secret": "projects/a-project/secrets/masking/versions/1",
    "sealing_key_secret": "projects/a-project/secrets/sealing/versions/1",
}
STEP = "Write/DeduplicateAndAppend/ParDo(_WriteFn)"


def settings(**changed: Any) -> Settings:
    return load_settings(project="a-project", contracts=SAMPLES, dataflow={**TOLD, **changed})


def options(*args: Any, **changed: Any) -> PipelineOptions:
    return PipelineOptions(dataflow_flags(settings(**changed), *args))


def test_beam_understands_every_option_as_it_was_meant() -> None:
    cloud, worker = options().view_as(GoogleCloudOptions), options().view_as(WorkerOptions)
    assert options().view_as(StandardOptions).runner == "DataflowRunner"
    assert options().view_as(StandardOptions).streaming
    assert (cloud.project, cloud.region, cloud.job_name) == ("a-project", "europe-west1", "headrace")
    assert (cloud.temp_location, cloud.staging_location) == ("gs://a-bucket/temp", "gs://a-bucket/temp/staging")
    assert (cloud.service_account_email, cloud.dataflow_kms_key) == (TOLD["service_account"], TOLD["kms_key"])
    assert (cloud.enable_streaming_engine, cloud.update) == (True, False)
    assert (worker.num_workers, worker.max_num_workers, worker.machine_type) == (2, 20, "n2-standard-4")
    assert worker.autoscaling_algorithm == "THROUGHPUT_BASED"
    assert (worker.use_public_ips, worker.subnetwork) == (False, TOLD["subnetwork"])
    assert worker.sdk_container_image == TOLD["image"]


def test_beam_gets_only_options_that_it_knows(caplog: pytest.LogCaptureFixture) -> None:
    options(True, {"a": "b"}).get_all_options()
    assert "Unparseable" not in caplog.text
    assert "Discarding" not in caplog.text


def test_a_backfill_is_a_batch_job_of_its_own_name_and_as_cheap_as_it_was_asked_to_be() -> None:
    given = settings(flexrs="COST_OPTIMIZED")
    read = PipelineOptions(backfill_flags(given, "flight_departed"))
    cloud = read.view_as(GoogleCloudOptions)
    assert cloud.job_name == "headrace-backfill-flight-departed"
    assert (cloud.flexrs_goal, cloud.service_account_email) == ("COST_OPTIMIZED", TOLD["service_account"])
    assert not read.view_as(StandardOptions).streaming
    assert read.view_as(WorkerOptions).sdk_container_image == TOLD["image"]
    assert not any("flexrs" in each for each in backfill_flags(settings(), "flight_departed"))


def test_what_is_switched_off_is_off() -> None:
    off = options(private_addresses=False)
    assert off.view_as(WorkerOptions).use_public_ips


def test_an_update_takes_the_running_jobs_place_with_labels_mapped() -> None:
    cloud = options(True, {"Old": "New"}).view_as(GoogleCloudOptions)
    assert cloud.update
    assert cloud.transform_name_mapping == {"Old": "New"} or json.loads(cloud.transform_name_mapping) == {"Old": "New"}


def test_dataflow_can_be_asked_whether_an_update_fits_and_nothing_more() -> None:
    asked = options(True, None, True).view_as(GoogleCloudOptions)
    assert asked.update
    assert asked.dataflow_service_options == ["graph_validate_only"]
    assert not options(True).view_as(GoogleCloudOptions).dataflow_service_options


def test_a_setting_that_does_nothing_on_dataflow_is_refused_there() -> None:
    named = load_settings(project="a-project", append_seconds=60, dataflow=TOLD)
    with pytest.raises(SettingsError, match=r"append_seconds: has no effect on Dataflow, where an append has 30 s"):
        dataflow_flags(named)


def test_ids_that_only_a_registry_knows_are_refused_before_a_job_is_built(tmp_path: Path) -> None:
    contracts = write_contracts(tmp_path / "contracts", orders(**CONFLUENT))
    given = load_settings(
        project="a-project", contracts=contracts, dataflow=TOLD, schema_registry={"url": "https://registry.example"}
    )
    with pytest.raises(SettingsError, match=r"no version of order_placed lists the ids of its schema; list them in"):
        pipeline_for(given, dataflow_flags(given))


def test_a_name_that_dataflow_would_refuse_is_refused_here() -> None:
    named = load_settings(project="a-project", pipeline="Headrace EU", dataflow=TOLD)
    with pytest.raises(SettingsError, match=r"headrace.toml: pipeline: .* use lower-case"):
        dataflow_flags(named)


@pytest.mark.parametrize("name", ["region", "temp_location", "service_account", "image", "sealing_key_secret"])
def test_what_dataflow_needs_is_asked_for_before_anything_is_made(name: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"headrace.toml: dataflow.{name}: missing: add under \[dataflow\]: {name} = "
    ):
        dataflow_flags(settings(**{name: None}))


def test_no_job_goes_to_dataflow_while_a_variable_names_an_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(SettingsError, match="unset PUBSUB_EMULATOR_HOST"):
        dataflow_flags(settings())


def test_a_drain_is_a_command_to_copy() -> None:
    script = drain_script(settings())
    assert script.startswith("job=$(gcloud dataflow jobs list --project=a-project --region=europe-west1")
    assert 'gcloud dataflow jobs drain "$job"' in script
    assert script.count("--region=europe-west1") == 2
    with pytest.raises(SettingsError, match=r"dataflow.region: missing"):
        drain_script(settings(region=None))


GRAPH = load(GOLDEN)


def _without(kind: str, name: str, graph: dict[str, Any]) -> None:
    del graph["steps"][STEP][kind][name]


CHANGES = [
    (lambda g: g["steps"].pop("GatherTallies"), "label: gone", False),
    (lambda g: g["steps"].update(New=g["steps"]["GatherTallies"]), "label: new", True),
    (lambda g: _without("states", "inbox", g), "state inbox: gone", False),
    (lambda g: g["steps"][STEP]["states"].update(more="bag_spec of BytesCoder"), "state more: new", True),
    (lambda g: g["steps"][STEP]["states"].update(inbox="bag_spec of VarIntCoder"), "became bag_spec of VarInt", False),
    (lambda g: g["steps"]["GatherTallies"]["coders"].update(None_="x"), "output None_: new", True),
    (lambda g: g["steps"]["GatherTallies"].update(coders={"None": "PickleCoder"}), "became PickleCoder", False),
    (lambda g: g["steps"][STEP]["timers"].update({"ts-append": "EVENT_TIME"}), "timer append: PROC", False),
    (
        lambda g: g["steps"]["GatherTallies"].update(transform="beam:transform:pardo:v1"),
        "transform: beam:transform:fl",
        False,
    ),
    (lambda g: g.update(shards=3), "shards: 16 became 3", False),
    (lambda g: g["keys"].update(sealing="s/2"), "sealing key: s/1 became s/2; waiting messages cannot be", False),
    (lambda g: g["keys"].update(masking_key_version="2"), "masking_key_version: 1 became 2; tokens", True),
    (lambda g: g["keys"].update(masking="m/2"), "masking key: m/1 became m/2; tokens", True),
]


@pytest.mark.parametrize(("change", "expected", "compatible"), CHANGES)
def test_an_update_says_what_it_changes_for_a_running_job(change: Any, expected: str, compatible: bool) -> None:
    running = {**copy.deepcopy(GRAPH), "keys": {"masking": "m/1", "masking_key_version": "1", "sealing": "s/1"}}
    new = copy.deepcopy(running)
    change(new)
    (found,) = compare(running, new)
    assert expected in found.what
    assert found.compatible is compatible


def test_another_number_of_bags_is_not_compatible() -> None:
    #  with half of the bags what lies in page 40 would be looked for in bag 8
    new = copy.deepcopy(GRAPH)
    for number in range(32, 64):
        _without("states", f"page_{number}", new)
    assert {each.what.partition(":")[0]: each.compatible for each in compare(GRAPH, new)} == {
        "state page_00 to page_63": False,
        "state page_00 to page_31": True,
    }


def test_a_label_that_is_mapped_has_not_gone_nor_what_is_within_it() -> None:
    new = renamed(GRAPH, {"Write": "Store"})
    assert [each for each in compare(GRAPH, new) if not each.compatible]
    assert compare(renamed(GRAPH, {"Write": "Store"}), new) == []


def test_a_step_may_be_declared_gone_unless_it_keeps_state() -> None:
    new = copy.deepcopy(GRAPH)
    new["steps"] = {label: step for label, step in GRAPH["steps"].items() if not label.startswith(("Mask", "Write"))}
    gone = [each.step for each in compare(renamed(GRAPH, {"Mask": "", "Write": ""}), new)]
    assert gone == [STEP]


def plan(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in TOLD.items())
    Path("headrace.toml").write_text(
        f'project = "a-project"\ncontracts = "{SAMPLES}"\nshards = 16\n[profile.prod.dataflow]\n{lines}\n'
    )
    monkeypatch.setattr("sys.argv", ["headrace", "deploy", "plan", "--profile", "prod", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_plan_shows_graph_options_and_that_this_release_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(monkeypatch) == Exit.DONE
    out = capsys.readouterr().out
    assert "state ids_even: bag_spec of BytesCoder" in out
    assert "--max_num_workers=20" in out
    assert out.endswith("Changes for a running job of this release:\n  none\n")


def test_a_plan_that_a_running_job_cannot_take_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(monkeypatch, "--save", "running.json") == Exit.DONE
    running = json.loads(Path("running.json").read_text())
    running["steps"]["Gone"] = running["steps"]["GatherTallies"]
    Path("running.json").write_text(json.dumps(running))
    assert plan(monkeypatch, "--against", "running.json") == Exit.FOUND
    assert "NOT COMPATIBLE  Gone: label: gone" in capsys.readouterr().out
    assert plan(monkeypatch, "--against", "running.json", "--rename", "Gone=GatherTallies") == Exit.DONE


def test_a_file_that_holds_no_graph_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("no.json").write_text("{}")
    assert plan(monkeypatch, "--against", "no.json") == Exit.CONFIGURATION
