"""The graph that Dataflow gets: what an update of a running job depends on is pinned here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from apache_beam.internal import pickler
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.pipeline_context import PipelineContext

from headrace.config.secrets import HeldKey, Key, SecretVersion
from headrace.core.resource_names import Names
from headrace.core.routes import Routes
from headrace.deploy.graph import build, describe
from headrace.deploy.graph_comparison import GOLDEN, load
from headrace.job import Job
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry, parse_contract
from tests.support.builders import FLIGHT, PACKAGE

LABELS = [
    "Decode/DecodeMessages",
    "GatherTallies",
    "Mask/MaskColumns",
    "PublishOutOfBounds/Publish",
    "PublishUnreadable/Publish",
    "PublishUnwritable/Publish",
    "Read/Batch[booking_created]",
    "Read/Batch[flight_departed]",
    "Read/GatherSubjects",
    "Read/Read[booking_created]",
    "Read/Read[flight_departed]",
    "Read/ToMessage[booking_created]",
    "Read/ToMessage[flight_departed]",
    "Tally/AddUpAndAppend",
    "Tally/KeyBySubject",
    "Window/AssignToWindows",
    "Write/DeduplicateAndAppend",
    "Write/KeyByTableAndShard",
]


SEALING = SecretVersion("projects/a-project/secrets/sealing/versions/1")


def a_job(registry: Registry = PACKAGE, routes: Routes | None = None) -> Job:
    return Job(
        registry=registry,
        project="a-project",
        tables={subject: f"projects/a-project/datasets/d/tables/{subject}" for subject in registry.subjects},
        tallies_table="projects/a-project/datasets/d/tables/headrace_tallies",
        dead_letter_topic="projects/a-project/topics/headrace-dead-letters",
        name="headrace",
        window=timedelta(minutes=1),
        shards=16,
        ids_remembered=1000,
        clock=lambda: 0,
        masking_key=SecretVersion("projects/a-project/secrets/masking/versions/1"),
        masking_key_version="7",
        routes=routes or Routes(),
    )


def the_graph(sealing: Key = SEALING, registry: Registry = PACKAGE) -> Any:
    return build(a_job(registry), sealing, Names("a-project"), 500, ["--streaming"]).to_runner_api()


GRAPH = the_graph()
TRANSFORMS = {each.unique_name: each for each in GRAPH.components.transforms.values()}


def labels(transforms: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in transforms if (name.count("/") <= 1 and "/" in name) or name == "GatherTallies")


def test_labels_are_pinned() -> None:
    assert labels(TRANSFORMS) == LABELS


def test_a_job_that_transforms_has_a_step_more_and_is_otherwise_the_same() -> None:
    contract = parse_contract(FLIGHT.ref, FLIGHT.json.replace('"headrace": {', '"headrace": {"where": "cancelled",', 1))
    graph = the_graph(registry=Registry({**{each.ref: each for each in PACKAGE}, contract.ref: contract}))

    found = labels({each.unique_name: each for each in graph.components.transforms.values()})

    assert found == sorted([*LABELS, "PublishUntransformable/Publish", "Transform/TransformColumns"])


def test_a_blocked_subject_keeps_its_steps() -> None:
    """An update finds the graph that it knows, and reads state that would otherwise be lost."""
    blocked = PACKAGE.blocking({"booking_created": ContractError("booking_created.v2", "not JSON", "correct it")})
    graph = the_graph(registry=blocked)

    assert labels({each.unique_name: each for each in graph.components.transforms.values()}) == LABELS


def test_state_and_timers_of_the_stateful_steps_are_pinned() -> None:
    states, timers = {}, {}
    for name, transform in TRANSFORMS.items():
        if transform.spec.urn == "beam:transform:pardo:v1":
            payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
            for state, spec in payload.state_specs.items():
                states[name, state] = spec.WhichOneof("spec")
            for timer, family in payload.timer_family_specs.items():
                timers[name, timer] = family.time_domain
    step, tally = "Write/DeduplicateAndAppend/ParDo(_WriteFn)", "Tally/AddUpAndAppend"
    assert states == {
        (step, "ids_even"): "bag_spec",
        (step, "ids_odd"): "bag_spec",
        (step, "ids_metadata"): "read_modify_write_spec",
        (step, "inbox"): "bag_spec",
        (step, "pending_append"): "read_modify_write_spec",
        (step, "pages_index"): "read_modify_write_spec",
        **{(step, f"page_{number:02}"): "bag_spec" for number in range(64)},
        (tally, "inbox"): "bag_spec",
        (tally, "pending_append"): "read_modify_write_spec",
        (tally, "pages_index"): "read_modify_write_spec",
        **{(tally, f"page_{number:02}"): "bag_spec" for number in range(16)},
    }
    processing_time = beam_runner_api_pb2.TimeDomain.PROCESSING_TIME
    assert timers == {(step, "ts-append"): processing_time, (tally, "ts-append"): processing_time}


@pytest.mark.parametrize(
    ("collection", "coder"),
    [
        ("Write/KeyByTableAndShard", "TupleCoder[TupleCoder[StrUtf8Coder, VarIntCoder], MicroBatchCoder]"),
        ("GatherTallies", "TallyCoder"),
        ("Tally/KeyBySubject", "TupleCoder[TupleCoder[StrUtf8Coder, VarIntCoder], TallyCoder]"),
    ],
)
def test_what_crosses_stages_has_a_coder_of_its_own(collection: str, coder: str) -> None:
    (output,) = TRANSFORMS[collection].outputs.values()
    context = PipelineContext(GRAPH.components)
    assert str(context.coders.get_by_id(GRAPH.components.pcollections[output].coder_id)) == coder


def test_the_committed_graph_is_the_one_that_dataflow_gets() -> None:
    assert load(GOLDEN) == describe(GRAPH, shards=16), "headrace deploy plan says what this means for a running job"


def test_a_job_whose_key_would_travel_is_not_built() -> None:
    with pytest.raises((TypeError, RuntimeError), match="a key is never pickled"):
        the_graph(HeldKey(b"k" * 32))


def test_there_is_no_java() -> None:
    assert {environment.urn for environment in GRAPH.components.environments.values()} <= {
        "beam:env:docker:v1",
        "beam:env:default:v1",
        "beam:env:embedded_python:v1",
    }
    assert not [name for name, each in TRANSFORMS.items() if "external" in each.spec.urn or "java" in each.spec.urn]
    assert not any(
        "java" in dependency.type_urn
        for environment in GRAPH.components.environments.values()
        for dependency in environment.dependencies
    )


def test_workers_get_the_version_of_the_masking_key_with_the_graph() -> None:
    (step,) = (each for name, each in TRANSFORMS.items() if name.startswith("Mask/MaskColumns") and each.spec.payload)
    payload = beam_runner_api_pb2.ParDoPayload.FromString(step.spec.payload)
    fn, *_ = pickler.loads(payload.do_fn.payload)
    assert fn._version == "7"
