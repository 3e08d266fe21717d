"""The permissions of commands: each is asked of a resource that answers, and a missing one names command and role."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.api_core.exceptions import Forbidden, MethodNotImplemented, NotFound

from deploy.permissions import RESOURCES, grants
from headrace.core.resource_names import Names
from headrace.core.routes import Route, Routes
from headrace.doctor.check_permissions import askable, permission_checks
from headrace.doctor.findings import Finding, Level
from headrace.doctor.needed_permissions import Need, is_known, known_commands, needs, of_commands
from headrace.doctor.permission_resources import Kind, Resource, by_resource
from headrace.provision import Clients
from headrace.runtime.reachability import Service
from headrace.schemas.registry import Registry
from tests.cli.test_cli import COMMANDS
from tests.support.builders import PACKAGE, a_contract

ROUTES = Routes(
    {"booking_created": "projects/shop/topics/bookings"},
    (Route("projects/shop/subscriptions/flights-to-bq", "flight_departed"),),
)
NAMES = Names("a-project", routes=ROUTES)
TOPIC = Resource(Kind.TOPIC, NAMES.topic("flight_departed"))
TABLE = Resource(Kind.TABLE, "a-project.headrace.flights")
PROJECT = Resource(Kind.PROJECT, "a-project")
DATASET = Resource(Kind.DATASET, "a-project.headrace")
NEEDED = by_resource(needs(), PACKAGE, NAMES)


@dataclass
class Google:
    """Services that answer which of the permissions in *held* are among those asked for, and note what is asked."""

    held: set[str] = field(default_factory=set)
    error: Exception | None = None
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def answer(self, name: str, permissions: Sequence[str]) -> list[str]:
        self.asked.append((name, tuple(permissions)))
        if self.error is not None:
            raise self.error
        return [each for each in permissions if each in self.held]

    def of_pubsub(self, request: dict[str, Any], retry: None, timeout: float) -> SimpleNamespace:
        return SimpleNamespace(permissions=self.answer(request["resource"], request["permissions"]))

    def of_table(self, name: str, permissions: list[str], retry: None, timeout: float) -> dict[str, Any]:
        found = self.answer(name, permissions)
        return {"permissions": found} if found else {}

    def needing(self, permission: str) -> Callable[..., tuple[()]]:
        def call(what: str, **_: Any) -> tuple[()]:
            if not self.answer(what, [permission]):
                raise Forbidden("no")
            return ()

        return call

    def query(self, statement: str, *, job_config: Any, **_: Any) -> None:
        assert job_config.dry_run
        permission = "bigquery.tables.create" if statement.startswith("CREATE TABLE") else "bigquery.jobs.create"
        self.needing(permission)(statement)

    @property
    def clients(self) -> Clients:
        pubsub = SimpleNamespace(test_iam_permissions=self.of_pubsub)
        bigquery = SimpleNamespace(
            test_iam_permissions=self.of_table,
            get_dataset=self.needing("bigquery.datasets.get"),
            list_tables=self.needing("bigquery.tables.list"),
            query=self.query,
        )
        return Clients(*(cast("Any", each) for each in (pubsub, pubsub, bigquery)))


def a_need(*permissions: str, command: str = "run", optional: bool = False) -> Need:
    return Need(
        commands=(command,),
        resource="any",
        permissions=permissions,
        role=f"headrace_{command}",
        why="do its work",
        optional=optional,
    )


def look(google: Google, resource: Resource, *needed: Need, missing: Level = Level.WARNING) -> list[Finding]:
    (check,) = permission_checks({resource: list(needed)}, google.clients, missing)
    return list(check.look())


def test_every_command_with_needs_exists_and_no_need_is_lost() -> None:
    assert {tuple(each.split()) for each in known_commands()} <= set(COMMANDS)
    ours = {(each.resource, each.role) for each in needs()}
    missing = {each.principal for each in grants() if each.permissions and (each.resource, each.role) not in ours}
    assert missing == {"watcher"}, "which runs no command"


def test_a_group_of_commands_means_all_of_them() -> None:
    assert is_known("run")
    assert is_known("dead-letters")
    assert not is_known("dead")
    assert not is_known("demo")
    found = {command for each in of_commands(needs(), ["dead-letters", "replay"]) for command in each.commands}
    assert "replay" in found
    same_identity = {"replay", "status"}
    assert found - same_identity == {each for each in known_commands() if each.startswith("dead-letters ")}


def test_every_resource_of_a_need_has_its_names() -> None:
    assert {each.resource for of_it in NEEDED.values() for each in of_it} <= set(RESOURCES)
    assert TOPIC in NEEDED
    assert TABLE in NEEDED
    assert {each.kind for each in NEEDED} == set(Kind)
    assert TOPIC.kind.service is Service.PUBSUB
    assert TABLE.kind.service is Service.BIGQUERY


def test_every_permission_is_asked_of_a_resource_but_those_that_nothing_answers_for() -> None:
    """Tables of loads come and go, and no call shows without deleting it whether a dataset may be deleted."""
    asked = {(resource.name, each) for resource, of_it in NEEDED.items() for each in askable(resource.kind, of_it)}
    unasked = {
        (each.resource, permission)
        for each in needs()
        for permission in each.permissions
        if not any((resource.name, permission) in asked for resource, of_it in NEEDED.items() if each in of_it)
    }
    loads = {("loads", f"bigquery.tables.{each}") for each in ("delete", "getData", "updateData")}
    evolving = {("evolving_tables", "bigquery.tables.update")}  # no sample lets the job add columns
    datasets = {(each, "bigquery.datasets.delete") for each in ("dataset", "archive", "loads")}
    of_pubsub = ("pubsub.schemas.listRevisions", "pubsub.schemas.validate", "pubsub.topics.list")
    schemas = {("project", each) for each in of_pubsub}  # a project is asked of BigQuery alone
    assert unasked == loads | evolving | datasets | schemas


def test_the_job_needs_to_change_the_tables_of_contracts_that_let_it() -> None:
    fixed, evolving = a_contract(), a_contract(subject="others", table="others", evolve="automatic")
    found = by_resource(needs(), Registry({each.ref: each for each in (fixed, evolving)}), NAMES)

    changed = {resource.name for resource, of_it in found.items() if any("evolving" in each.resource for each in of_it)}

    assert changed == {f"{NAMES.project}.{NAMES.dataset}.others"}


@pytest.mark.parametrize(
    ("resource", "permission"),
    [
        (TOPIC, "pubsub.topics.publish"),
        (Resource(Kind.SUBSCRIPTION, NAMES.subscription("flight_departed")), "pubsub.subscriptions.consume"),
        (TABLE, "bigquery.tables.getData"),
        (PROJECT, "bigquery.jobs.create"),
        (DATASET, "bigquery.datasets.get"),
        (DATASET, "bigquery.tables.create"),
        (DATASET, "bigquery.tables.list"),
    ],
)
def test_each_kind_is_asked_in_its_own_way(resource: Resource, permission: str) -> None:
    google = Google({permission})
    assert [each.level for each in look(google, resource, a_need(permission))] == [Level.OK]
    assert len(google.asked) == 1
    (lacking,) = look(Google(), resource, a_need(permission), missing=Level.PROBLEM)
    assert lacking.level is Level.PROBLEM
    assert lacking.what == f"these credentials lack {permission}; needed by `headrace run`: do its work"
    assert lacking.remedy == "grant headrace_run on it (docs/permissions.md)"


def test_a_resource_is_asked_once_for_all_commands_and_each_lacking_one_is_named() -> None:
    get, read, write = (f"bigquery.tables.{each}" for each in ("get", "getData", "updateData"))
    google = Google({get, read})
    found = look(
        google, TABLE, a_need(get, read, command="audit"), a_need(read, write), a_need(write, command="replay")
    )
    assert google.asked == [(TABLE.name, (get, read, write))]
    assert [each.what.partition("needed by ")[2] for each in found] == [
        "`headrace run`: do its work",
        "`headrace replay`: do its work",
    ]


def test_a_permission_that_may_be_left_out_is_never_a_problem() -> None:
    assert {each.resource for each in needs() if each.optional} == {"letters", "facts", "metrics"}
    need = a_need("bigquery.tables.get", optional=True)
    assert [each.level for each in look(Google(), TABLE, need, missing=Level.PROBLEM)] == [Level.WARNING]


def test_a_missing_resource_is_not_checked() -> None:
    (found,) = look(Google(error=NotFound("gone")), TABLE, a_need("bigquery.tables.get"))
    assert (found.level, found.what) == (Level.UNKNOWN, "not checked, because it does not exist")


def test_other_errors_are_left_to_the_runner() -> None:
    with pytest.raises(MethodNotImplemented):
        look(Google(error=MethodNotImplemented("501")), TOPIC, a_need("pubsub.topics.get"))
