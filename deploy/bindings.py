"""Terraform's bindings: one block for each grant, so that a reviewer sees who gets what on what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from deploy.permissions import Grant, Principal

Arguments = list[tuple[str, str]]
Kind = tuple[str, str, Arguments]  # Terraform's kind of binding, over what it repeats, and how it names the resource
_PROJECT: Final = ("project", "var.project")
_EXISTING: Final = ("project", 'split("/", each.value[1])[1]')
_EXISTING_NAME: Final = 'split("/", each.value[1])[3]'


def _once(resource: str, kind: str, *arguments: tuple[str, str]) -> Kind:
    return kind, f'["{resource}"]', list(arguments)


def _secret(name: str) -> Kind:
    secret = f'google_secret_manager_secret.keys["{name}"].secret_id'
    return _once(name, "secret_manager_secret", _PROJECT, ("secret_id", secret))


_KINDS: Final[dict[str, Kind]] = {
    "project": ("project", "[var.project]", [_PROJECT]),
    "existing_topics": ("pubsub_topic", "local.granted_topics", [_EXISTING, ("topic", _EXISTING_NAME)]),
    "existing_subscriptions": (
        "pubsub_subscription",
        "local.granted_subscriptions",
        [_EXISTING, ("subscription", _EXISTING_NAME)],
    ),
    "topics": (
        "pubsub_topic",
        "keys(local.own_topics)",
        [_PROJECT, ("topic", "google_pubsub_topic.subjects[each.value[1]].name")],
    ),
    "schemas": (
        "pubsub_schema",
        "keys(local.definitions)",
        [_PROJECT, ("schema", "google_pubsub_schema.subjects[each.value[1]].name")],
    ),
    "subscriptions": (
        "pubsub_subscription",
        "keys(local.own_subscriptions)",
        [_PROJECT, ("subscription", "google_pubsub_subscription.subjects[each.value[1]].name")],
    ),
    "dead_letter_topic": _once(
        "dead-letters", "pubsub_topic", _PROJECT, ("topic", "google_pubsub_topic.dead_letters.name")
    ),
    "dead_letter_subscription": _once(
        "dead-letters",
        "pubsub_subscription",
        _PROJECT,
        ("subscription", "google_pubsub_subscription.dead_letters.name"),
    ),
    "masking_key": _secret("masking"),
    "archive_key": _secret("archive"),
    "sealing_key": _secret("sealing"),
    "key": _once("data", "kms_crypto_key", ("crypto_key_id", "google_kms_crypto_key.data.id")),
    "regional_key": _once("regional", "kms_crypto_key", ("crypto_key_id", "google_kms_crypto_key.regional.id")),
    "logs": _once(
        "logs",
        "logging_log_view",
        ("parent", "google_logging_log_view.job.parent"),
        ("location", "google_logging_log_view.job.location"),
        ("bucket", "google_logging_log_view.job.bucket"),
        ("name", "google_logging_log_view.job.name"),
    ),
    "metrics": _once("metrics", "project", _PROJECT),
    "staging": _once("staging", "storage_bucket", ("bucket", "google_storage_bucket.staging[0].name")),
    "large_events": ("storage_bucket", "var.large_event_buckets", [("bucket", "each.value[1]")]),
    "images": _once(
        "images",
        "artifact_registry_repository",
        _PROJECT,
        ("location", "google_artifact_registry_repository.images[0].location"),
        ("repository", "google_artifact_registry_repository.images[0].name"),
    ),
    "job_account": _once(
        "job", "service_account", ("service_account_id", 'google_service_account.headrace["job"].name')
    ),
    "backfiller_account": _once(
        "backfiller", "service_account", ("service_account_id", 'google_service_account.headrace["backfiller"].name')
    ),
}
_DATASETS: Final = {"dataset": "headrace", "archive": "archive", "loads": "loads"}
_TABLES: Final = {
    "tables": ("headrace", "values(local.subjects)"),
    "evolving_tables": ("headrace", "var.evolving_tables"),
    "tallies": ("headrace", '["headrace_tallies"]'),
    "engines": ("headrace", '["headrace_engines"]'),
    "letters": ("archive", '["letters"]'),
    "facts": ("archive", '["facts"]'),
    "trail": ("archive", '["trail"]'),
}


def bindings(principals: Sequence[Principal], grants: Sequence[Grant]) -> str:
    """The text of bindings.tf, formatted as ``terraform fmt`` would."""
    header = "# Generated from ../permissions.toml by `python -m deploy.permissions`; do not edit."
    return "\n".join([header, "", *_members(principals), *_blocks(grants)])


def _members(principals: Sequence[Principal]) -> Iterator[str]:
    """Who each principal is. Addresses are put together, not asked for: a plan must know them before they exist."""
    named = [f'"{each.name}"' for each in principals if each.kind != "agent"]
    always = [each for each in principals if each.kind == "service" and not each.dataflow]
    on_dataflow = [each for each in principals if each.kind == "service" and each.dataflow]
    yield "locals {"
    yield f"  identities = [{', '.join(named)}]\n"
    yield "  services = merge({"
    yield from _aligned([(each.name, _quoted(each.what)) for each in always], 4)
    yield "    }, var.dataflow ? {"
    yield from _aligned([(each.name, _quoted(each.what)) for each in on_dataflow], 4)
    yield "  } : {})"
    yield "  members = {"
    yield from _aligned([(each.name, _addresses(each)) for each in principals], 4)
    yield "  }"
    yield "}\n"


def _addresses(principal: Principal) -> str:
    named = f'lookup(var.members, "{principal.name}", [])'
    if principal.kind == "people":
        return named
    if principal.kind == "agent":
        return f'["serviceAccount:{principal.account.replace("$", "${data.google_project.this.number}")}"]'
    account = f"headrace-{principal.name.replace('_', '-')}@${{var.project}}.iam.gserviceaccount.com"
    return f'concat(["serviceAccount:{account}"], {named})'


def _blocks(grants: Sequence[Grant]) -> Iterator[str]:
    for grant in grants:
        role = f'"{grant.role}"'
        if grant.is_custom:
            yield from _role(grant)
            role = f"google_project_iam_custom_role.{grant.name}.name"
        kind, over, named = _kind(grant.resource)
        if grant.dataflow:
            over = f"var.dataflow ? {over} : []"
        pairs = f"setproduct(local.members.{grant.principal}, {over})"
        yield f'resource "google_{kind}_iam_member" "{grant.name}" {{'
        yield f'  for_each = {{ for pair in {pairs} : join(" ", pair) => pair }}\n'
        yield from _aligned([*named, ("role", role), ("member", "each.value[0]")])
        yield "\n  depends_on = [google_service_account.headrace]\n}\n"


def _role(grant: Grant) -> Iterator[str]:
    """One for each grant: were they shared, and named by what they hold, a change would be a new role."""
    listed = ", ".join(f'"{each}"' for each in grant.permissions)
    yield f'resource "google_project_iam_custom_role" "{grant.name}" {{'
    title = f"Headrace: {grant.principal} on {grant.resource}".replace("_", " ")
    yield from _aligned(
        [_PROJECT, ("role_id", f'"{grant.role}"'), ("title", f'"{title}"'), ("permissions", f"[{listed}]")]
    )
    yield "}\n"


def _kind(resource: str) -> Kind:
    if resource in _KINDS:
        return _KINDS[resource]
    if resource in _DATASETS:
        dataset = f"google_bigquery_dataset.{_DATASETS[resource]}.dataset_id"
        return _once(resource, "bigquery_dataset", _PROJECT, ("dataset_id", dataset))
    dataset, over = _TABLES[resource]
    named = [("dataset_id", f"google_bigquery_dataset.{dataset}.dataset_id"), ("table_id", "each.value[1]")]
    return "bigquery_table", f"var.tables_provisioned ? {over} : []", [_PROJECT, *named]


def _aligned(arguments: Arguments, indent: int = 2) -> Iterator[str]:
    width = max(len(name) for name, _ in arguments)
    for name, value in arguments:
        yield f"{' ' * indent}{name.ljust(width)} = {value}"


def _quoted(text: str) -> str:
    return '"' + text.replace("`", "").replace('"', '\\"') + '"'
