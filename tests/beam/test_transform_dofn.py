"""The transform step on Beam refuses, writes and warns as the embedded engine does, and counts warnings as metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import apache_beam as beam
import pytest
from apache_beam.metrics import MetricsFilter
from apache_beam.pvalue import TaggedOutput
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from headrace.beam import coders  # noqa: F401 registers the coders
from headrace.beam.outputs import DEAD_LETTERS, TALLIES
from headrace.beam.transform_dofn import TransformRows, _TransformFn
from headrace.core.micro_batch import MicroBatch
from headrace.core.sealed_messages import seal, sealing_key
from headrace.core.tally import add_up
from headrace.schemas.registry import Contract, Registry
from headrace.steps.circuit_breaker import FLOOR
from headrace.steps.decode.decode_messages import Decoder, decode
from tests.support.beam_engine import NamedKey
from tests.support.transformed_rows import MINUTE, counts, messages, prepared, things

CONTRACT = things(
    where="city != 'out'",
    rules=[
        {"name": "has_size", "expression": "size > 0", "else": "dead_letter"},
        {"name": "share", "expression": "10 / (size - 3) != 5", "else": "dead_letter"},
        {"name": "is_small", "expression": "size < 5", "else": "warn"},
        {"name": "is_named", "expression": "city != ''", "else": "warn"},
    ],
)
SEALING = NamedKey("sealing")
REGISTRY = Registry({CONTRACT.ref: CONTRACT})
EVENTS = st.lists(
    st.tuples(st.none() | st.integers(-3, 9), st.sampled_from(["Rome", "", "out"])), min_size=1, max_size=9
)


def a_batch(contract: Contract, *events: tuple[int | None, str]) -> MicroBatch:
    """The batch that comes into the step, with its sealed messages."""
    sent = messages(contract, *events)
    decoded = decode(sent, Decoder(Registry({contract.ref: contract}), contract.subject), 0)
    assert decoded.batch is not None
    return replace(decoded.batch, sealed=seal(sent, sealing_key(SEALING.read())))


def a_step(registry: Registry = REGISTRY) -> _TransformFn:
    step = _TransformFn(registry, MINUTE, lambda: 0, SEALING)
    step.setup()
    return step


@settings(max_examples=30, deadline=None)
@given(events=EVENTS)
def test_it_gives_what_the_embedded_engine_gives(events: list[tuple[int | None, str]]) -> None:
    with capture_logs() as lines:
        outputs = list(a_step().process(a_batch(CONTRACT, *events)))

    done = prepared(CONTRACT, *events)
    tagged = [each for each in outputs if isinstance(each, TaggedOutput)]
    letters = [each.value for each in tagged if each.tag == DEAD_LETTERS]
    batches = [each for each in outputs if isinstance(each, MicroBatch)]
    assert [(each.message.message_id, each.reason, each.detail) for each in letters] == [
        (each.message.message_id, each.reason, each.detail) for each in done.letters
    ]
    ids = [each.rows.column("_event_id").to_pylist() for each in batches]
    assert ids == ([] if done.batch is None else [done.batch.rows.column("_event_id").to_pylist()])
    assert {line["rule"]: line["events"] for line in lines if line["event"] == "rule_warning"} == done.warnings
    tallied = Counter[str]()
    for each in tagged:
        for line in add_up([each.value]).counts.to_pylist() if each.tag == TALLIES else []:
            tallied[line["reason"] or line["outcome"]] += line["events"]
    received = counts(done)["received"]  # the embedded engine counts what it received here, Beam when it decodes
    assert tallied == counts(done) - Counter(received=received)


def test_warnings_are_metrics_of_the_job() -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    batches = pipeline | beam.Create(
        [a_batch(CONTRACT, (9, ""), (8, "Rome")), a_batch(CONTRACT, (7, "Rome"), (-1, ""))]
    )
    batches | "Transform" >> TransformRows(REGISTRY, MINUTE, lambda: 0, SEALING)

    found = pipeline.run().metrics().query(MetricsFilter().with_namespace("headrace"))["counters"]

    assert {each.key.metric.name: each.result for each in found} == {
        "rule_warnings/thing_happened/is_small": 3,
        "rule_warnings/thing_happened/is_named": 1,
    }


def test_broken_rules_never_fail_a_bundle() -> None:
    contract = things(rules=[{"name": "never", "expression": "FALSE", "else": "dead_letter"}])
    step = a_step(Registry({contract.ref: contract}))

    outputs = list(step.process(a_batch(contract, *[(1, "x")] * FLOOR)))

    assert sum(isinstance(each, TaggedOutput) and each.tag == DEAD_LETTERS for each in outputs) == FLOOR


@pytest.mark.parametrize("rules", [[], CONTRACT.transformations.rules])
def test_a_contract_of_rules_alone_needs_the_step(rules: object) -> None:
    contract = things(rules=[{"name": "a", "expression": "TRUE", "else": "warn"}] if rules else None)

    assert contract.transformations.in_the_job is bool(rules)
