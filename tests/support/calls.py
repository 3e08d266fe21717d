"""Records what the code asks of Pub/Sub and BigQuery: which permission, on which resource, by whom."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.auth.transport.requests import AuthorizedSession

from deploy.permissions import METHODS
from headrace.core.resource_names import COMPLETENESS, ENGINES, TALLIES, Names
from headrace.pubsub.broker_counts import METHOD
from headrace.schemas.registry import Registry

Used = set[tuple[str, str]]  # (resource, permission)
_NAMED = ("topic", "subscription", "name", "parent", "project")


class Calls:
    """What each principal has used; the current one is set by :meth:`by`, and outside of it nothing is noted."""

    def __init__(self, names: Names, registry: Registry) -> None:
        self.used: dict[str, Used] = defaultdict(set)
        self._principal: str | None = None
        self._resources = _resources(names, registry)
        self._loads = f"projects/{names.project}/datasets/{names.loads}"

    @contextmanager
    def by(self, principal: str) -> Iterator[None]:
        """What is called meanwhile is called by *principal*."""
        self._principal = principal
        try:
            yield
        finally:
            self._principal = None

    def note(self, method: str, resource: str) -> None:
        """A call of *method*; KeyError where the table of methods does not know it."""
        if self._principal is not None:
            known = "loads" if resource.startswith(f"{self._loads}/") else self._resources[resource]
            self.used[self._principal].update((self._of(known, each), each) for each in METHODS[method])

    def _of(self, resource: str, permission: str) -> str:
        """The resource in the table of permissions: the job may change only the tables of some contracts."""
        evolves = (self._principal, resource, permission) == ("job", "tables", "bigquery.tables.update")
        return "evolving_tables" if evolves else resource

    def note_query(self, project: str, sql: str) -> None:
        """A query: a job of the project, which reads every table it names, and changes the one it merges into."""
        self.note("jobs.query", f"projects/{project}")
        made = re.match(r"CREATE OR REPLACE MATERIALIZED VIEW (`[^`]+`)", sql)
        if made:
            self.note_tables("jobs.query (the view it makes)", made[1])
        self.note_tables("jobs.query (each table)", sql[made.end() :] if made else sql)
        merged = re.match(r"\s*MERGE `\S+`", sql)
        if merged:
            self.note_tables("jobs.query (the table it merges into)", merged[0])
        deleted = re.match(r"\s*DELETE FROM `\S+`", sql)
        if deleted:
            self.note_tables("jobs.query (the table it deletes from)", deleted[0])
        for inserted in re.findall(r"INSERT INTO `\S+`", sql):
            self.note_tables("jobs.query (the table it inserts into)", inserted)

    def note_tables(self, method: str, sql: str) -> None:
        """Note *method* for every table that *sql* names."""
        for table in re.findall(r"`([^`.\s]+\.[^`.\s]+\.[^`.\s]+)`", sql):
            self.note(method, _table_path(*table.split(".")))


@contextmanager
def recording(calls: Calls) -> Iterator[None]:
    """Record every call of channels that are opened meanwhile, and every request to BigQuery."""
    open_channel = grpc.insecure_channel
    send: Callable[..., Any] = AuthorizedSession.request
    seen = _Interceptor(calls)

    def channel(*given: Any, **more: Any) -> Any:
        return grpc.intercept_channel(open_channel(*given, **more), seen)

    def request(session: Any, method: str, url: str, data: Any = None, **more: Any) -> Any:
        _note_request(calls, method, url, data)
        return send(session, method, url, data=data, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grpc, "insecure_channel", channel)
        patch.setattr(AuthorizedSession, "request", request)
        yield


class _Interceptor(
    grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor
):  # the two kinds of call that the code makes
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        if _method(details) == f"Counts.{METHOD}":  # of the local broker alone
            return continuation(details, request)
        named = _routed(details) if isinstance(request, bytes) else _named(request)
        self._calls.note(_method(details), _without_part(named))
        return continuation(details, request)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        self._calls.note(_method(details), _without_part(_routed(details)))
        return continuation(details, requests)


def _named(request: Any) -> str:
    return next(value for name in _NAMED if (value := getattr(request, name, "")))


def _routed(details: Any) -> str:
    (routed,) = (value for key, value in details.metadata if key == "x-goog-request-params")
    return str(routed.partition("=")[2])


def _method(details: Any) -> str:
    path = details.method.decode() if isinstance(details.method, bytes) else details.method
    return str(path.rpartition(".")[2]).replace("/", ".")


def _without_part(name: str) -> str:
    """The name of the resource without a stream of a table, or a revision of a schema."""
    return name.partition("/streams/")[0].partition("@")[0]


def _note_request(calls: Calls, method: str, url: str, data: Any) -> None:
    path = url.partition("/bigquery/v2/")[2].partition("?")[0]
    if not path:
        return  # objects of a bucket, which is the user's
    match path.split("/"):
        case ["projects", project, "queries"]:
            calls.note_query(project, json.loads(data)["query"])
        case ["projects", project, "jobs"] if method == "POST" and "query" in json.loads(data)["configuration"]:
            calls.note_query(project, json.loads(data)["configuration"]["query"]["query"])
        case ["projects", project, "jobs"] if method == "POST" and "load" in json.loads(data)["configuration"]:
            _note_load(calls, project, json.loads(data)["configuration"]["load"])
        case ["projects", _, "jobs"] if "/upload/" in url:
            pass  # a piece of the file that was announced
        case ["projects", project, "queries" | "jobs", _]:
            calls.note("jobs.getQueryResults", f"projects/{project}")
        case ["projects", _, "datasets", _, "tables"] if method == "GET":
            calls.note("tables.LIST", path.rpartition("/")[0])
        case ["projects", _, "datasets", _, "tables"]:
            calls.note(f"tables.{method}", path.rpartition("/")[0])
            _note_view(calls, method, data)
        case ["projects", _, "datasets", _, "tables", _]:
            calls.note(f"tables.{method}", path)
            _note_view(calls, method, data)
        case ["projects", project, "datasets"]:
            calls.note(f"datasets.{method}", f"projects/{project}")
        case ["projects", _, "datasets", _]:
            calls.note(f"datasets.{method}", path)
        case _:
            raise AssertionError(f"{method} {path}: a request that the recorder does not know")


def _note_load(calls: Calls, project: str, load: Any) -> None:
    filled = load["destinationTable"]
    calls.note("jobs.insert (load)", f"projects/{project}")
    calls.note(
        "jobs.insert (the table it fills)",
        _table_path(filled["projectId"], filled["datasetId"], filled["tableId"].partition("$")[0]),
    )


def _note_view(calls: Calls, method: str, data: Any) -> None:
    view = json.loads(data).get("view") if data else None
    if view:
        calls.note_tables(f"tables.{method} (each table a view reads)", view["query"])


def _table_path(project: str, dataset: str, table: str) -> str:
    return f"projects/{project}/datasets/{dataset}/tables/{table}"


def _resources(names: Names, registry: Registry) -> dict[str, str]:
    """Full names, and which resource of the table of permissions each is."""
    found = {
        f"projects/{names.project}": "project",
        names.dead_letter_topic: "dead_letter_topic",
        names.dead_letter_subscription: "dead_letter_subscription",
        f"projects/{names.project}/datasets/{names.dataset}": "dataset",
        f"projects/{names.project}/datasets/{names.archive}": "archive",
        f"projects/{names.project}/datasets/{names.loads}": "loads",
        names.table(TALLIES): "tallies",
        names.table(ENGINES): "engines",
        names.table(COMPLETENESS): "completeness",
    }
    found |= dict.fromkeys(names.routes.topics.values(), "existing_topics")
    found |= dict.fromkeys((each.subscription for each in names.routes.routes), "existing_subscriptions")
    for subject in registry.subjects:
        found[names.own_topic(subject)] = "topics"
        found[f"projects/{names.project}/schemas/{subject}"] = "schemas"
        found[names.subscription(subject)] = "subscriptions"
        found[names.table(registry.latest(subject).options.table)] = "tables"
        found |= {names.table(each.name): "rollups" for each in registry.latest(subject).transformations.rollups}
    for table in ("letters", "facts", "trail"):
        found[_table_path(names.project, names.archive, table)] = table
    return found
