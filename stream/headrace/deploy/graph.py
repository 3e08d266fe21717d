"""Build the graph for Dataflow, and describe the parts that a running job depends on as plain values."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.pipeline_context import PipelineContext

from headrace.beam.read_messages import ReadSubscriptions
from headrace.config.secrets import Key
from headrace.core.resource_names import Names
from headrace.deploy.graph_comparison import Graph
from headrace.job import Job
from headrace.pipeline import ingest
from headrace.steps.decode.subject_routers import router_of

_PARDO = "beam:transform:pardo:v1"


def build(job: Job, sealing: Key, names: Names, batch_messages: int, flags: list[str]) -> beam.Pipeline:
    """Build the pipeline without running it or calling any service."""
    # Dataflow cannot let a blocked subject wait: its messages become dead letters with that reason.
    subjects = (*job.registry.subjects, *job.registry.blocked_subjects)
    subscriptions = {each: names.subscription(each) for each in subjects if names.has_own_subscription(each)}
    routes = [(each, router_of(each, job.registry)) for each in names.routes.routes]
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    ingest(pipeline | "Read" >> ReadSubscriptions(subscriptions, batch_messages, routes), job, sealing)
    return pipeline


def describe(proto: Any, shards: int) -> Graph:
    """Return the steps of *proto* that do work, by label, each with its URN, coders, state and timers."""
    context = PipelineContext(proto.components)
    steps = {}
    for each in proto.components.transforms.values():
        if each.subtransforms or not each.spec.urn:
            continue
        coders = {
            tag: str(context.coders.get_by_id(proto.components.pcollections[name].coder_id))
            for tag, name in sorted(each.outputs.items())
        }
        steps[each.unique_name] = {"transform": each.spec.urn, "coders": coders, **_state_and_timers(each, context)}
    return {"shards": shards, "steps": dict(sorted(steps.items()))}


def _state_and_timers(transform: Any, context: PipelineContext) -> dict[str, dict[str, str]]:
    if transform.spec.urn != _PARDO:
        return {"states": {}, "timers": {}}
    payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
    domains = beam_runner_api_pb2.TimeDomain.Enum
    states = {name: _state(spec, context) for name, spec in sorted(payload.state_specs.items())}
    timers = {name: domains.Name(spec.time_domain) for name, spec in sorted(payload.timer_family_specs.items())}
    return {"states": states, "timers": timers}


def _state(spec: Any, context: PipelineContext) -> str:
    kind = spec.WhichOneof("spec")
    inner = getattr(spec, kind)
    coder = getattr(inner, "element_coder_id", "") or getattr(inner, "coder_id", "")
    return f"{kind} of {context.coders.get_by_id(coder)}" if coder else kind
