"""The permissions of these credentials, compared with those that the commands need.

Topics, subscriptions and tables answer which permissions the caller holds. A project and a dataset do not. Therefore a
query and a statement that creates a table are sent as dry runs; the dataset, its list of tables and metrics are read.
The permissions that a role on a dataset gives on all its tables are asked of one of its tables. Only deleting a dataset
would show whether it may be deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any, Final, assert_never

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud.bigquery import QueryJobConfig

from headrace.doctor.findings import Area, Finding, Level, ok, unknown
from headrace.doctor.needed_permissions import Need
from headrace.doctor.permission_resources import Kind, Resource
from headrace.doctor.run_checks import Check
from headrace.provision import Clients
from headrace.pubsub.monitored_backlogs import monitored_backlogs
from headrace.runtime.google_clients import open_metrics
from headrace.runtime.retry_policy import NO_RETRY

CALL_SECONDS: Final = 5.0
_QUERY: Final = "bigquery.jobs.create"
_READ_METRICS: Final = "monitoring.timeSeries.list"
_GET_DATASET: Final = "bigquery.datasets.get"
_CREATE_TABLE: Final = "bigquery.tables.create"
_LIST_TABLES: Final = "bigquery.tables.list"


def permission_checks(needed: dict[Resource, list[Need]], clients: Clients, missing: Level) -> list[Check]:
    """Return a check for each resource; *missing* is the level of a missing permission."""
    return [
        Check(Area.PERMISSIONS, _short(resource), partial(_look, resource, of_it, clients, missing))
        for resource, of_it in needed.items()
    ]


def _look(resource: Resource, needed: Sequence[Need], clients: Clients, missing: Level) -> Iterator[Finding]:
    wanted = askable(resource.kind, needed)
    try:
        held = _held(resource, sorted(wanted), clients)
    except NotFound:
        yield unknown(_short(resource), "it does not exist")
        return
    yield from judge_permissions(resource, needed, held, missing)


def askable(kind: Kind, needed: Collection[Need]) -> frozenset[str]:
    """Return the permissions of *needed* that a resource of this kind answers questions about."""
    wanted = {permission for each in needed for permission in each.permissions}
    return frozenset(each for each in wanted if _answers(kind, each))


def _answers(kind: Kind, permission: str) -> bool:
    match kind:
        case Kind.TOPIC | Kind.SCHEMA | Kind.SUBSCRIPTION:
            return True
        case Kind.TABLE:
            return permission.startswith("bigquery.tables.") and permission not in (_CREATE_TABLE, _LIST_TABLES)
        case Kind.DATASET:
            return permission in (_GET_DATASET, _CREATE_TABLE, _LIST_TABLES)
        case Kind.PROJECT:
            return permission in (_QUERY, _READ_METRICS)
        case _:
            assert_never(kind)


def judge_permissions(
    resource: Resource, needed: Sequence[Need], held: Collection[str], missing: Level
) -> Iterator[Finding]:
    """Yield a finding for each need that *held* does not satisfy, or one that all are satisfied."""
    wanted = askable(resource.kind, needed)
    lacking = [(each, sorted(wanted.intersection(each.permissions) - set(held))) for each in needed]
    for need, permissions in lacking:
        if permissions:
            commands = ", ".join(f"`headrace {command}`" for command in need.commands)
            what = f"these credentials lack {', '.join(permissions)}; needed by {commands}: {need.why}"
            level = Level.WARNING if need.optional else missing
            yield Finding(level, _short(resource), what, f"grant {need.role} on it (docs/permissions.md)")
    if wanted and not any(permissions for _, permissions in lacking):
        yield ok(_short(resource), "has the permissions that these commands need")


def _held(resource: Resource, wanted: list[str], clients: Clients) -> set[str]:
    match resource.kind:
        case Kind.TOPIC | Kind.SCHEMA:  # the method is one for all of Pub/Sub
            return _answered(clients.publisher.test_iam_permissions, resource.name, wanted)
        case Kind.SUBSCRIPTION:
            return _answered(clients.subscriber.test_iam_permissions, resource.name, wanted)
        case Kind.TABLE:
            found = clients.bigquery.test_iam_permissions(resource.name, wanted, retry=NO_RETRY, timeout=CALL_SECONDS)
            return set(found.get("permissions", ()))
        case Kind.PROJECT | Kind.DATASET:
            return {each for each in wanted if _is_allowed(_attempt(each, resource.name, clients))}
        case _:
            assert_never(resource.kind)


def _answered(ask: Callable[..., Any], name: str, wanted: list[str]) -> set[str]:
    request = {"resource": name, "permissions": wanted}
    return set(ask(request=request, retry=None, timeout=CALL_SECONDS).permissions)


def _attempt(permission: str, name: str, clients: Clients) -> Callable[[], object]:
    """Return a call that needs *permission* on a project or a dataset, and changes nothing."""
    client = clients.bigquery
    if permission == _GET_DATASET:
        return partial(client.get_dataset, name, retry=NO_RETRY, timeout=CALL_SECONDS)
    if permission == _READ_METRICS:
        return lambda: monitored_backlogs(open_metrics(), name, time.time())
    if permission == _LIST_TABLES:
        return lambda: list(client.list_tables(name, max_results=1, retry=NO_RETRY, timeout=CALL_SECONDS))
    statement = "SELECT 1" if permission == _QUERY else f"CREATE TABLE `{name}.headrace_doctor` (x INT64)"
    return partial(_dry_run, client, statement)


def _dry_run(client: Any, statement: str) -> object:
    config = QueryJobConfig(dry_run=True, use_query_cache=False)
    return client.query(statement, job_config=config, retry=NO_RETRY, timeout=CALL_SECONDS, job_retry=NO_RETRY)


def _is_allowed(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except Forbidden:
        return False
    return True


def _short(resource: Resource) -> str:
    return f"{resource.kind.value} {resource.name.rpartition('/')[2]}"
