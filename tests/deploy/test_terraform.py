"""Terraform's files, as far as they can be checked without Terraform and without an account."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping

import hcl2
import pytest

from deploy.permissions import grants, principals
from headrace.config.dataflow import DataflowSettings
from headrace.config.settings import Settings
from headrace.core.resource_names import ARCHIVE, DEAD_LETTERS, Names
from headrace.pubsub.job_subscription import ACK_SECONDS, RETENTION_SECONDS
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.support.terraform import FOLDER, READ, Configuration, text_of

FILES = {path.name: path.read_text() for path in FOLDER.glob("*.tf")}


def changed(file: str, old: str, new: str) -> Mapping[str, str]:
    assert old in FILES[file]
    return {**FILES, file: FILES[file].replace(old, new, 1)}


def test_every_reference_resolves_and_every_argument_is_known_to_the_provider() -> None:
    assert READ.problems() == []


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("pubsub.tf", "var.contracts", "var.contract", "pubsub.tf: var.contract is declared nowhere"),
        ("pubsub.tf", "local.subjects", "local.subject", "pubsub.tf: local.subject is declared nowhere"),
        (
            "keys.tf",
            "google_kms_key_ring.data.id",
            "google_kms_key_ring.date.id",
            "google_kms_key_ring.date is declared",
        ),
        ("keys.tf", "google_kms_key_ring.data.id", "google_kms_key_ring.data.ident", "data has no ident"),
        ("pubsub.tf", "pubsub_agent_key]", "pubsub_agent_kye]", "iam_member.pubsub_agent_kye is declared nowhere"),
        ("bindings.tf", "subjects[each.value[1]].name", "subjects.name", "google_pubsub_topic.subjects are many"),
        ("budget.tf", "this.number", "this.numbers", "data.google_project.this has no numbers"),
        ("budget.tf", "var.budget.amount", "var.budget.sum", "budget.tf: var.budget has no sum"),
        ("pubsub.tf", "kms_key_name =", "kms_key =", "google_pubsub_topic.subjects: kms_key is not known"),
        ("pubsub.tf", '"schema_settings"', '"schema_setting"', "subjects: schema_setting is no block"),
        ("keys.tf", "location = var.region\n\n        customer", "customer", "replicas: location is missing"),
        ("variables.tf", 'variable "region"', 'variable "unused" {}\n\nvariable "region"', "var.unused is not used"),
    ],
)
def test_a_slip_is_noticed(file: str, old: str, new: str, problem: str) -> None:
    found = Configuration(changed(file, old, new)).problems()
    assert any(problem in each for each in found), found


def test_every_grant_is_a_binding_on_its_resource_and_there_is_no_other() -> None:
    bound = {each.name for each in READ.blocks if each.kind.endswith("_iam_member")}
    assert bound == {each.name for each in grants()}
    on_project = {each.name for each in READ.of("google_project_iam_member")}
    assert on_project == {each.name for each in grants() if each.resource in ("project", "metrics")}
    assert [each.kind for each in READ.blocks if each.kind.endswith(("_iam_binding", "_iam_policy"))] == []


def test_nothing_is_granted_to_all_users() -> None:
    assert [name for name, text in FILES.items() if "allUsers" in text.replace("never allUsers or allAuth", "")] == []


def test_what_holds_data_is_encrypted_with_a_key_of_the_project() -> None:
    for topic in READ.of("google_pubsub_topic"):
        assert "google_kms_crypto_key.data" in topic.body["kms_key_name"], topic.name
    for dataset in READ.of("google_bigquery_dataset"):
        (encryption,) = dataset.body["default_encryption_configuration"]
        assert "google_kms_crypto_key.data" in encryption["kms_key_name"], dataset.name
    (repository,) = READ.of("google_artifact_registry_repository")
    assert "google_kms_crypto_key.regional" in repository.body["kms_key_name"]
    for bucket in READ.of("google_storage_bucket"):
        assert "google_kms_crypto_key.regional" in bucket.body["encryption"][0]["default_kms_key_name"]
        assert text_of(bucket.body["public_access_prevention"]) == "enforced"
        assert bucket.body["uniform_bucket_level_access"] is True


def test_what_holds_data_is_not_destroyed_by_a_slip() -> None:
    kinds = ("pubsub_topic", "pubsub_subscription", "bigquery_dataset", "kms_crypto_key", "secret_manager_secret")
    for block in (each for kind in kinds for each in READ.of(f"google_{kind}")):
        assert block.body["lifecycle"][0]["prevent_destroy"] is True, block.address


def test_no_secret_and_no_key_of_an_account_is_in_the_state() -> None:
    secret = {"google_secret_manager_secret_version", "google_service_account_key"}
    assert [each.address for each in READ.blocks if each.kind in secret] == []


def test_names_and_times_are_those_of_the_code() -> None:
    names = Names("p")
    subscriptions = {each.name: each.body for each in READ.of("google_pubsub_subscription")}
    assert (
        text_of(subscriptions["subjects"]["name"]).replace("${each.key}", "s") == names.subscription("s").split("/")[-1]
    )
    for each in (subscriptions["dead_letters"], READ.of("google_pubsub_topic")[1].body):
        assert text_of(each["name"]) == DEAD_LETTERS
    for body in subscriptions.values():
        assert body["ack_deadline_seconds"] == ACK_SECONDS
        assert text_of(body["message_retention_duration"]) == f"{RETENTION_SECONDS}s"
    defaults = {name: text_of(body.get("default", "")) for name, body in READ.variables.items()}
    settings = Settings(project="some-project")
    assert defaults["dataset"] == settings.dataset
    assert defaults["location"] == settings.location
    assert defaults["archive_dataset"] == ARCHIVE


def test_subjects_and_tables_follow_from_the_contracts_as_the_registry_reads_them() -> None:
    """What pubsub.tf does: take the files' names apart, and the newest version's ``headrace.table``."""
    registry = Registry.load(SAMPLES)
    newest: dict[str, int] = {}
    for path in SAMPLES.glob("*.v*.avsc"):
        subject, version = path.name.removesuffix(".avsc").split(".v")
        newest[subject] = max(newest.get(subject, 0), int(version))
    tables = {
        subject: json.loads((SAMPLES / f"{subject}.v{version}.avsc").read_text())["headrace"]["table"]
        for subject, version in newest.items()
    }
    assert tables == {each: registry.latest(each).options.table for each in registry.subjects}


def test_services_have_accounts_and_people_have_none() -> None:
    declared = FILES["bindings.tf"].partition("  members = {")[0]
    for each in principals():
        assert (f"    {each.name} " in declared) == (each.kind == "service"), each.name


def test_the_values_in_the_docs_are_variables() -> None:
    page = (FOLDER / "../../docs/terraform.md").resolve().read_text()
    example = textwrap.dedent(page.partition("```hcl\n")[2].partition("   ```")[0])
    given = {name for name in hcl2.loads(example) if not name.startswith("__")}
    assert given <= set(READ.variables)
    assert {name for name, body in READ.variables.items() if "default" not in body} <= given


def test_what_is_printed_for_dataflow_are_settings() -> None:
    printed = re.findall(r"^    (\w+) +=", FILES["outputs.tf"].partition('output "dataflow"')[2], re.M)
    assert printed
    assert set(printed) <= set(DataflowSettings.model_fields)
