"""`headrace contracts import` and `pin`, as a person calls them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.cli.commands.contracts_import import _revisions, _say_what_is_left
from headrace.config.settings import SettingsError
from headrace.schema_registry.contract_import import ImportedFiles
from headrace.schema_registry.pin_file import PinFile, PinKey, SubjectPins
from headrace.schema_registry.registry_errors import ImportConflictError, RegistryAwayError
from headrace.schema_registry.registry_url import checked_url
from headrace.schemas.errors import UnknownSchemaError
from headrace.schemas.id_space import IdSpace
from headrace.schemas.samples import SAMPLES
from headrace.schemas.schema_equality import read_schema, schema_hash
from tests.support.registry_answers import recorded_schema, recorded_text
from tests.support.registry_server import RegistryServer, a_registry, a_reply, a_schema_reply

pytestmark = pytest.mark.usefixtures("nothing_set")
SUBJECT = "booking_created"
V1, V2 = (schema_hash(read_schema((SAMPLES / f"{SUBJECT}.v{number}.avsc").read_text())) for number in (1, 2))


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry({}) as running:
        running.answers("/subjects/orders-value/versions", a_reply([1]))
        running.answers("/subjects/orders-value/versions/1", a_schema_reply(recorded_text(6)))
        yield running


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", *words])


def test_an_import_says_what_is_left_to_declare(server: RegistryServer) -> None:
    result = run(
        "import", "orders-value", "--from", server.url, "--contracts", "mine", "--subject", "order_placed", "--json"
    )
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["files"] == [{"file": "order_placed.v1.avsc", "result": "written"}]
    assert Path("mine/order_placed.v1.avsc").read_bytes() == recorded_text(6).encode()
    assert "headrace contracts annotate mine/order_placed.v1.avsc" in result.stderr
    assert "order_placed.v1.headrace.toml" in result.stderr
    Path("mine/order_placed.v1.headrace.toml").write_text("")
    again = run("import", "orders-value", "--from", server.url, "--contracts", "mine", "--subject", "order_placed")
    assert "annotate" not in again.stderr


@pytest.mark.parametrize(
    ("sidecar", "is_inline", "words"),
    [
        ("headrace.json", False, '"revisions": ["a1"]'),
        ("headrace.toml", False, 'revisions = ["a1"]'),
        ("md", False, 'revisions = ["a1"]'),
        ("md", True, '"revisions": ["a1"]'),
    ],
)
def test_revisions_are_told_in_the_form_of_the_contract(
    tmp_path: Path, sidecar: str, is_inline: bool, words: str
) -> None:
    (tmp_path / f"orders.v1.{sidecar}").touch()
    assert _revisions(tmp_path, "orders.v1.avsc", ["a1"], is_inline) == words


def test_an_import_asks_for_no_annotations_of_a_schema_that_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = b'{"type": "record", "name": "T", "fields": []}'
    whole = b'[{"type": "record", "name": "T", "headrace": {}, "fields": []}] // a comment'
    contracts = {"orders.v1.avsc": whole, "orders.v2.avsc": bare, "orders.v3.avsc": b"\xff{"}
    files = ImportedFiles("orders", contracts, {}, {"orders.v1.avsc": ("a1",)})
    _say_what_is_left(files, tmp_path, "datum")

    revisions, left = capsys.readouterr().err.splitlines()
    assert revisions.endswith('write: "revisions": ["a1"] for orders.v1.avsc')
    assert left.startswith("orders.v2.avsc, orders.v3.avsc: still without a table")
    _say_what_is_left(ImportedFiles("orders", {"orders.v1.avsc": whole}, {}), tmp_path, "datum")
    assert capsys.readouterr().err == ""


def test_an_import_takes_registry_and_folder_from_the_settings(server: RegistryServer) -> None:
    Path("headrace.toml").write_text(f'contracts = "mine"\n[schema_registry]\nurl = "{server.url}"\n')
    assert run("import", "orders-value").exit_code == 0
    assert Path("mine/orders.v1.avsc").exists()
    Path("mine/orders.v1.avsc").write_text("changed")
    assert isinstance(run("import", "orders-value").exception, ImportConflictError)
    assert run("import", "orders-value", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--contracts", "mine"], "--from"),
        (["--from", "http://registry.example"], "--contracts"),
        (["--from", "nonsense", "--contracts", "mine"], "--from: not a URL"),
    ],
)
def test_what_is_missing_is_asked_for(words: list[str], remedy: str) -> None:
    found = run("import", "orders-value", *words).exception
    assert isinstance(found, SettingsError)
    assert remedy in str(found)


def given_pins(server: RegistryServer, pins: dict[int, str], broken: str | None = "it broke") -> PinFile:
    """A project with contracts, a registry, and pins of an engine."""
    shutil.copytree(SAMPLES, "contracts")
    Path("headrace.toml").write_text(f'contracts = "contracts"\n[schema_registry]\nurl = "{server.url}"\n')
    file = PinFile(Path(".headrace/journal"), checked_url(server.url))
    kept = SubjectPins({PinKey(IdSpace.CONTENT, number): found for number, found in pins.items()}, broken)
    file.change(lambda table: {SUBJECT: kept, "flight_departed": kept})
    return file


def sample(version: int) -> Any:
    return json.loads((SAMPLES / f"{SUBJECT}.v{version}.avsc").read_text())


def test_pinning_anew_takes_what_the_registry_says_now(server: RegistryServer) -> None:
    file = given_pins(server, {1: V1, 2: V2, 3: V1, 4: V1})
    server.give_id(1, sample(1))
    server.give_id(2, sample(1))
    server.give_id(3, recorded_schema(24))
    shown = run("pin", SUBJECT, "--dry-run", "--json")
    assert [(each["id"], each["version_before"], each["version_now"]) for each in json.loads(shown.stdout)["pins"]] == [
        (1, "1", "1"),
        (2, "2", "1"),
        (3, "1", ""),
        (4, "1", ""),
    ]
    assert "nothing was changed" in shown.stderr
    assert file.read()[SUBJECT].broken == "it broke"
    done = run("pin", SUBJECT)
    assert done.exit_code == 0, done.output
    assert "3 of 4 pins changed" in done.stderr
    assert "old meaning" in done.stderr
    assert {str(key): found for key, found in file.read()[SUBJECT].ids.items()} == {"content:1": V1, "content:2": V1}
    assert file.read()[SUBJECT].broken is None
    assert file.read()["flight_departed"].broken == "it broke"


def test_a_registry_that_is_away_changes_no_pin(server: RegistryServer) -> None:
    file = given_pins(server, {1: V1})
    server.away = True
    assert isinstance(run("pin", SUBJECT).exception, RegistryAwayError)
    assert file.read()[SUBJECT].broken == "it broke"


def test_a_subject_without_a_contract_is_refused(server: RegistryServer) -> None:
    given_pins(server, {})
    assert isinstance(run("pin", "nobody_knows").exception, UnknownSchemaError)


def test_a_subject_without_pins_has_nothing_to_show(server: RegistryServer) -> None:
    given_pins(server, {}, broken=None)
    assert "0 of 0 pins changed" in run("pin", SUBJECT).stderr
