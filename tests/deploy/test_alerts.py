"""Alerts: each query can be read, asks for metrics that exist, and leads to a runbook that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import promql_parser
import pytest

from headrace.engine.health_pages import StatusCollector
from headrace.engine.status import EngineStatus, SubjectStatus
from headrace.steps.circuit_breaker import CircuitOpenError
from tests.support.paths import ROOT
from tests.support.terraform import FOLDER, READ, text_of

ALERTS: Final[dict[str, dict[str, Any]]] = READ.locals["alerts"]
RUNBOOKS = (ROOT / "docs/alerts.md").read_text()
# https://docs.cloud.google.com/monitoring/api/metrics_gcp_p_z (pubsub) and .../metrics_gcp_a_b, .../metrics_gcp_d_h
GOOGLES: Final = {
    "bigquery.googleapis.com/query/scanned_bytes_billed": "",
    "bigquerydatatransfer.googleapis.com/transfer_config/completed_runs": "",
    "dataflow.googleapis.com/job/data_watermark_age": "",
    "logging.googleapis.com/user/headrace_flood": "",  # google_logging_metric.flood
    "pubsub.googleapis.com/subscription/ack_message_count": "",
    "pubsub.googleapis.com/subscription/num_undelivered_messages": "",
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": "",
    "pubsub.googleapis.com/topic/byte_cost": "",
    "pubsub.googleapis.com/topic/message_sizes": "_count",  # a distribution: the number of its values
}
_SUFFIXES: Final = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def query_of(name: str) -> str:
    """The query with its limits and names put in."""
    text = text_of(ALERTS[name]["query"])
    text = re.sub(r"\$\{local\.(\w+)\}", lambda found: text_of(READ.locals[found[1]]), text)
    return re.sub(r"\$\{[^}]*\}", "15", text)


def metrics_in(node: Any) -> Iterator[str]:
    """Every metric that a query asks for."""
    if isinstance(node, promql_parser.VectorSelector):
        assert node.name is not None, node
        yield node.name
    if isinstance(node, promql_parser.MatrixSelector):
        yield from metrics_in(node.vector_selector)
    for part in ("expr", "lhs", "rhs"):
        if hasattr(node, part):
            yield from metrics_in(getattr(node, part))
    for argument in getattr(node, "args", []):
        yield from metrics_in(argument)


def in_promql(metric: str) -> str:
    """https://docs.cloud.google.com/monitoring/promql/promql-mapping"""
    domain, _, path = metric.partition("/")
    return re.sub(r"[^\w:]", "_", f"{domain}:{path}") + GOOGLES[metric]


def ours() -> set[str]:
    """What ``/metrics`` of an engine shows."""
    status = EngineStatus({"flights": SubjectStatus("flights")})
    families = StatusCollector(status, "headrace").collect()
    return {each.name + suffix for each in families for suffix in _SUFFIXES[each.type]}


@pytest.mark.parametrize("name", ALERTS)
def test_its_query_asks_for_metrics_that_exist(name: str) -> None:
    asked = set(metrics_in(promql_parser.parse(query_of(name))))
    assert asked
    assert asked - ours() - set(map(in_promql, GOOGLES)) == set()


def test_metrics_of_logs_are_made_here_and_count_what_the_job_raises() -> None:
    made = {f"logging.googleapis.com/user/{text_of(each.body['name'])}" for each in READ.of("google_logging_metric")}
    assert {each for each in GOOGLES if each.startswith("logging.googleapis.com/user/")} == made
    (metric,) = READ.of("google_logging_metric")
    wanted = text_of(metric.body["filter"])
    assert f'"{CircuitOpenError.__name__}"' in wanted.replace("\\", "")
    assert "dataflow_step" in wanted
    assert "severity>=ERROR" in wanted
    (policies,) = READ.of("google_monitoring_alert_policy")
    assert "google_logging_metric.flood" in str(policies.body["depends_on"])


def test_the_page_of_the_flood_guard_leads_to_its_alert() -> None:
    page = (ROOT / "docs/dead-letters/circuit-breaker.md").read_text().partition("## On Dataflow")[2]
    assert "(../alerts.md#flood-dataflow)" in page


@pytest.mark.parametrize("name", ALERTS)
def test_its_runbook_says_what_it_means_and_what_to_do(name: str) -> None:
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", RUNBOOKS, re.M | re.S)
    assert section, f"docs/alerts.md has no section {name}"
    assert "### What to do" in section[1]


def test_every_runbook_is_of_an_alert_and_every_metric_of_googles_is_asked_for() -> None:
    assert re.findall(r"^## (\S+)$", RUNBOOKS, re.M) == list(ALERTS)
    asked = {metric for name in ALERTS for metric in metrics_in(promql_parser.parse(query_of(name)))}
    assert set(map(in_promql, GOOGLES)) <= asked


def test_every_limit_is_used_and_explained() -> None:
    declared = (FOLDER / "variables.tf").read_text().partition('variable "limits"')[2].partition("default = {}")[0]
    limits = set(re.findall(r"(\w+)\s+= optional", declared))
    used = {name for path in FOLDER.glob("*.tf") for name in re.findall(r"var\.limits\.(\w+)", path.read_text())}
    assert used == limits
    assert {name for name in limits if f"`{name}`" not in RUNBOOKS} == set()


def test_links_of_policies_lead_to_the_runbooks() -> None:
    (policy,) = READ.of("google_monitoring_alert_policy")
    (documentation,) = policy.body["documentation"]
    assert text_of(documentation["links"][0]["url"]) == "${var.runbooks}#${each.key}"
    assert {text_of(each["severity"]) for each in ALERTS.values()} == {"WARNING", "ERROR", "CRITICAL"}
