"""``headrace contracts annotate``: a first sidecar beside a schema that stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.cli.commands.contracts_annotate import SidecarExistsError
from headrace.config.settings import SettingsError
from headrace.schemas.registry import Registry
from tests.support.foreign_messages import SAMPLES

SCHEMA = (SAMPLES / "schemas" / "order_placed.v1.avsc").read_text()


def annotate(file: Path, *options: str) -> str:
    done = CliRunner().invoke(app, ["contracts", "annotate", str(file), *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def a_schema(folder: Path, text: str = SCHEMA, name: str = "order_placed.v1.avsc") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_a_confirmed_sidecar_makes_a_contract_and_leaves_the_schema(tmp_path: Path) -> None:
    file = a_schema(tmp_path)

    found = json.loads(annotate(file, "--confirm", "--table", "orders", "--format", "json"))

    contract = Registry.load(tmp_path).latest("order_placed")
    assert (contract.options.table, found["event_time"], file.read_text()) == ("orders", "placed_at", SCHEMA)
    assert {each["field"]: each["mask"] for each in found["fields"]}["customer.email"] == "tokenise"


def test_a_sidecar_says_the_encoding_and_the_envelope(tmp_path: Path) -> None:
    annotate(a_schema(tmp_path), "--confirm", "--encoding", "single-object", "--envelope", "attributes")

    options = Registry.load(tmp_path).latest("order_placed").options
    assert ([each.frame for each in options.encodings], options.envelope.kind) == (["single-object"], "attributes")


@pytest.mark.parametrize("schema", sorted((SAMPLES / "schemas").glob("*.avsc")), ids=lambda file: file.name)
@pytest.mark.parametrize("encoding", ["datum", "confluent", "single-object", "avro-json"])
@pytest.mark.parametrize("envelope", [[], ["--envelope", "attributes"], ["--envelope", "cloudevents"]])
def test_a_first_sidecar_loads_as_it_is(schema: Path, encoding: str, envelope: list[str], tmp_path: Path) -> None:
    annotate(a_schema(tmp_path, schema.read_text()), "--confirm", "--encoding", encoding, *envelope)

    assert Registry.load(tmp_path).subjects == ("order_placed",)


def test_a_sidecar_names_the_keys_of_other_programs(tmp_path: Path) -> None:
    schema = json.loads(SCHEMA)
    schema["fields"][0] |= {"pii": True, "Default": 1}
    file = a_schema(tmp_path, json.dumps(schema))

    found = json.loads(annotate(file, "--confirm", "--format", "json"))

    assert 'foreign_keys = ["Default", "pii"]' in (tmp_path / "order_placed.v1.headrace.toml").read_text()
    assert found["fields"][0]["why"] == "its tag in the registry"
    assert Registry.load(tmp_path).subjects == ("order_placed",)


def test_nothing_that_is_there_is_replaced(tmp_path: Path) -> None:
    file = a_schema(tmp_path)
    annotate(file)

    with pytest.raises(SidecarExistsError, match=r"order_placed\.v1\.headrace\.toml: is there already"):
        annotate(file)
    with pytest.raises(SidecarExistsError, match="has annotations already"):
        annotate(a_schema(tmp_path, json.dumps({**json.loads(SCHEMA), "headrace": {}}), "order_paid.v1.avsc"))


@pytest.mark.parametrize("name", ["OrderPlaced.avsc", "order_placed.v1.json"])
def test_a_file_without_the_name_of_a_contract_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"<subject>\.v<N>\.avsc"):
        annotate(a_schema(tmp_path, name=name))


def test_a_missing_file_is_called_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"order_placed\.v1\.avsc: no such file; name a file <subject>"):
        annotate(tmp_path / "order_placed.v1.avsc")
