"""Terraform's bindings, one block for each grant, so that a reviewer sees who gets what on what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from deploy.permissions import Grant

# For each resource: Terraform's kind of binding, over what it repeats, and how it names the resource.
_PROJECT: Final = ("project", "var.project")
_KINDS: Final[dict[str, tuple[str, str, list[tuple[str, str]]]]] = {
    "project": ("project", "[var.project]", [_PROJECT]),
    "topics": (
        "pubsub_topic",
        "keys(var.subjects)",
        [_PROJECT, ("topic", "google_pubsub_topic.subjects[each.value[1]].name")],
    ),
    "subscriptions": (
        "pubsub_subscription",
        "keys(var.subjects)",
        [_PROJECT, ("subscription", "google_pubsub_subscription.subjects[each.value[1]].name")],
    ),
    "dead_letter_topic": (
        "pubsub_topic",
        '["dead-letters"]',
        [_PROJECT, ("topic", "google_pubsub_topic.dead_letters.name")],
    ),
    "dead_letter_subscription": (
        "pubsub_subscription",
        '["dead-letters"]',
        [_PROJECT, ("subscription", "google_pubsub_subscription.dead_letters.name")],
    ),
    "masking_key": ("secret_manager_secret", "[var.masking_key_secret]", [_PROJECT, ("secret_id", "each.value[1]")]),
    "archive_key": ("secret_manager_secret", "[var.archive_key_secret]", [_PROJECT, ("secret_id", "each.value[1]")]),
    "staging": ("storage_bucket", '["staging"]', [("bucket", "google_storage_bucket.staging[0].name")]),
}
_DATASETS: Final = {"dataset": "headrace", "archive": "archive"}
_TABLES: Final = {
    "tables": ("headrace", "values(var.subjects)"),
    "tallies": ("headrace", '["headrace_tallies"]'),
    "engines": ("headrace", '["headrace_engines"]'),
    "completeness": ("headrace", '["headrace_completeness"]'),
    "letters": ("archive", '["letters"]'),
    "facts": ("archive", '["facts"]'),
    "trail": ("archive", '["trail"]'),
}


def bindings(grants: Sequence[Grant]) -> str:
    """The text of bindings.tf, formatted as ``terraform fmt`` would."""
    header = "# Generated from ../permissions.toml by `python -m deploy.permissions`; do not edit."
    return "\n".join([header, "", *_roles(grants), *_blocks(grants)])[:-1]


def _roles(grants: Sequence[Grant]) -> Iterator[str]:
    ours = {grant.role: grant.permissions for grant in grants if grant.is_custom}
    for role, permissions in sorted(ours.items()):
        listed = ", ".join(f'"{each}"' for each in permissions)
        yield f'resource "google_project_iam_custom_role" "{role}" {{'
        yield from _aligned(
            [
                ("project", "var.project"),
                ("role_id", f'"{role}"'),
                ("title", f'"{role}"'),
                ("permissions", f"[{listed}]"),
            ]
        )
        yield "}\n"


def _blocks(grants: Sequence[Grant]) -> Iterator[str]:
    for grant in grants:
        kind, over, named = _kind(grant.resource)
        if grant.dataflow:
            over = f"var.dataflow ? {over} : []"
        role = f"google_project_iam_custom_role.{grant.role}.name" if grant.is_custom else f'"{grant.role}"'
        pairs = f"setproduct(local.members.{grant.principal}, {over})"
        yield f'resource "google_{kind}_iam_member" "{grant.name}" {{'
        yield f'  for_each = {{ for pair in {pairs} : join(" ", pair) => pair }}\n'
        yield from _aligned([*named, ("role", role), ("member", "each.value[0]")])
        yield "\n  depends_on = [google_service_account.headrace]\n}\n"


def _kind(resource: str) -> tuple[str, str, list[tuple[str, str]]]:
    if resource in _KINDS:
        return _KINDS[resource]
    if resource in _DATASETS:
        dataset = f"google_bigquery_dataset.{_DATASETS[resource]}.dataset_id"
        return "bigquery_dataset", f'["{resource}"]', [_PROJECT, ("dataset_id", dataset)]
    dataset, over = _TABLES[resource]
    named = [("dataset_id", f"google_bigquery_dataset.{dataset}.dataset_id"), ("table_id", "each.value[1]")]
    return "bigquery_table", f"var.tables_provisioned ? {over} : []", [_PROJECT, *named]


def _aligned(arguments: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max(len(name) for name, _ in arguments)
    for name, value in arguments:
        yield f"  {name.ljust(width)} = {value}"
