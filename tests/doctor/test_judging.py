"""What each check makes of what it sees."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.config.key_files import write_key_file
from headrace.config.settings import Settings, load_settings
from headrace.config.usable_settings import usable_settings
from headrace.core.plan_changes import Change, Note
from headrace.core.plan_refusals import Refusal
from headrace.doctor.check_contracts import ContractsCheck
from headrace.doctor.check_credentials import look_at_credentials
from headrace.doctor.check_disk import MIB, judge_disk, look_at_disk
from headrace.doctor.check_emulators import VARIABLES, judge_emulators, look_at_emulators
from headrace.doctor.check_keys import look_at_archive_key, look_at_masking_key
from headrace.doctor.check_resources import PROVISION, judge_resource
from headrace.doctor.check_settings import OTHER_VARIABLES, judge_settings, judge_variables, shown_settings
from headrace.doctor.check_time import judge_clock
from headrace.doctor.check_versions import (
    LIBRARIES,
    OURS,
    judge_decoder,
    judge_extras,
    judge_versions,
    look_at_versions,
)
from headrace.doctor.findings import SIGN_IN, Finding, Level
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from headrace.schemas.samples import SAMPLES
from tests.support.builders import a_contract
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("nothing_set")
ALL_OK: set[Level] = {Level.OK}


def levels(findings: Any) -> dict[str, Level]:
    return {each.subject: each.level for each in findings}


def the_settings(**given: Any) -> Settings:
    return load_settings(project="a-project", **given)


def test_settings_that_are_set_have_value_and_place_and_the_others_are_counted() -> None:
    Path("headrace.toml").write_text('project = "a-project"\nwindow = "5m"\n')
    usable = usable_settings({"dataset": "mine"})
    found = list(judge_settings(usable, shown_settings(usable)))
    assert [(each.subject, each.what) for each in found[:-1]] == [
        ("project", "a-project (headrace.toml, line 1)"),
        ("dataset", "mine (--dataset)"),
        ("window", "300s (headrace.toml, line 2)"),
    ]
    assert re.match(r"\d+ settings have their defaults", found[-1].what)
    assert set(levels(found).values()) == ALL_OK


def test_profiles_in_the_file_are_not_the_choice_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("headrace.toml").write_text('project = "a-project"\n[profile.dev]\nwindow = "5m"\n')
    usable = usable_settings({})
    assert "profile" not in levels(judge_settings(usable, shown_settings(usable)))
    monkeypatch.setenv("HEADRACE_PROFILE", "dev")
    usable = usable_settings({})
    found = {each.subject: each.what for each in judge_settings(usable, shown_settings(usable))}
    assert found["profile"] == "dev (HEADRACE_PROFILE)"


def test_an_invalid_setting_is_a_problem_with_its_place_and_is_not_shown() -> None:
    Path("headrace.toml").write_text('project = "a-project"\nwindow = "hush"\n')
    usable = usable_settings({})
    shown = shown_settings(usable)
    found = next(iter(judge_settings(usable, shown)))
    assert (found.level, found.subject) == (Level.PROBLEM, "window")
    assert found.what.startswith("headrace.toml, line 2: window: ")
    assert found.remedy
    assert "window" not in [each.key for each in shown]
    assert "hush" not in f"{found}{shown}"


def test_a_key_in_place_of_the_name_of_its_file_is_not_shown(tmp_path: Path) -> None:
    write_key_file(tmp_path / "archive.key", bytes(32))
    usable = usable_settings({"masking_key_file": Path("a-secret"), "archive_key_file": tmp_path / "archive.key"})
    values = {each.key: each.value for each in shown_settings(usable)}
    assert values["masking_key_file"] == "(no such file)"
    assert values["archive_key_file"] == str(tmp_path / "archive.key")


def test_a_variable_that_nothing_reads_is_named_without_its_value() -> None:
    variables = {"HEADRACE_MASKING_KEY": "a secret", "HEADRACE_PROJECT": "x", "HEADRACE_DATAFLOW__WORKERS": "2"}
    (found,) = judge_variables(variables | {"HEADRACE_DEBUG": "1", "HOME": "/"})
    assert (found.level, found.subject) == (Level.WARNING, "HEADRACE_MASKING_KEY")
    assert found.remedy == "did you mean HEADRACE_MASKING_KEY_FILE?"
    assert "secret" not in str(found)
    (other,) = judge_variables({"HEADRACE_ZZZ": "1"})
    assert "docs/settings.md" in other.remedy


def test_the_variables_that_are_no_settings_are_those_of_the_code() -> None:
    modules = [each for folder in ("stream", "schemas", "producers") for each in (ROOT / folder).rglob("*.py")]
    named = {name for each in modules for name in re.findall(r"HEADRACE_[A-Z][A-Z_]+[A-Z]", each.read_text())}
    settings = {f"HEADRACE_{name.upper()}" for name in Settings.model_fields}
    of_tables = {"HEADRACE_DATAFLOW__MAX_WORKERS", "HEADRACE_SCHEMA_REGISTRY__URL"}
    assert named - settings - of_tables == OTHER_VARIABLES


def hosts(**given: str) -> dict[str, str | None]:
    return dict.fromkeys(VARIABLES) | given


def test_all_emulators_or_none_are_fine() -> None:
    assert set(levels(judge_emulators(hosts())).values()) == ALL_OK
    used = dict.fromkeys((PUBSUB, BIGQUERY, BIGQUERY_STORAGE), "localhost:1")
    assert levels(judge_emulators(hosts(**used))) == dict.fromkeys(used, Level.OK)


@pytest.mark.parametrize(
    ("used", "wrong"),
    [
        ([PUBSUB], {BIGQUERY: Level.WARNING, BIGQUERY_STORAGE: Level.WARNING}),
        ([BIGQUERY, BIGQUERY_STORAGE], {PUBSUB: Level.WARNING}),
        ([PUBSUB, BIGQUERY], {BIGQUERY_STORAGE: Level.PROBLEM}),
        ([PUBSUB, BIGQUERY_STORAGE], {BIGQUERY: Level.PROBLEM}),
    ],
)
def test_some_emulators_beside_google_cloud_are_reported(used: list[str], wrong: dict[str, Level]) -> None:
    found = list(judge_emulators(hosts(**dict.fromkeys(used, "localhost:1"))))
    assert {each.subject: each.level for each in found if each.level is not Level.OK} == wrong
    assert all(each.remedy for each in found if each.level is not Level.OK)


def test_an_address_without_a_port_is_a_problem() -> None:
    assert levels(judge_emulators(hosts(**{PUBSUB: "localhost"})))[PUBSUB] is Level.PROBLEM


def test_emulators_of_a_production_job_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = the_settings(production=True)
    for name in (PUBSUB, BIGQUERY, BIGQUERY_STORAGE):
        monkeypatch.setenv(name, "localhost:1")
    found = [each for each in look_at_emulators(settings) if each.level is Level.PROBLEM]
    assert [each.subject for each in found] == ["production"]
    assert found[0].remedy.startswith("run `unset ")


def test_this_installation_is_fine() -> None:
    assert Level.PROBLEM not in levels(look_at_versions()).values()


def test_parts_of_different_versions_are_a_problem() -> None:
    versions = dict.fromkeys((*OURS, *LIBRARIES), "1.0") | {"headrace-schemas": "0.9", "pyarrow": None}
    ours, libraries = judge_versions(versions)
    assert (ours.level, ours.remedy) == (Level.PROBLEM, "install the same version of all three")
    assert "pyarrow is not installed" in libraries.what
    assert levels(judge_versions({**versions, "headrace-schemas": "1.0"}))["headrace"] is Level.OK


def test_a_missing_extra_names_its_command_and_only_the_engine_is_needed() -> None:
    engine, beam, dlt = judge_extras({"engine": ["apsw"], "beam": ["apache_beam"], "dlt": []})
    assert (engine.level, engine.remedy) == (Level.PROBLEM, "run pip install 'headrace[engine]'")
    assert "apsw" in engine.what
    assert (beam.level, dlt.level) == (Level.OK, Level.OK)
    assert "pip install 'headrace[beam]'" in beam.what


def test_the_slow_decoder_is_a_warning() -> None:
    assert levels(judge_decoder("compiled", None)) == {"decoder": Level.OK}
    assert levels(judge_decoder("fallback", "install it")) == {"decoder": Level.WARNING}


def test_a_key_file_is_read_and_its_mode_reported(tmp_path: Path) -> None:
    path = write_key_file(tmp_path / "masking.key", b"secret" * 6)
    (found,) = look_at_masking_key(the_settings(masking_key_file=path))
    assert (found.level, found.what) == (Level.OK, "a file with mode 0600")
    path.chmod(0o644)
    (found,) = look_at_masking_key(the_settings(masking_key_file=path))
    assert (found.level, found.subject) == (Level.PROBLEM, "masking_key_file")
    assert found.what.startswith("its file has mode 0644")
    assert found.remedy == f"run `chmod 600 {path}`"


def test_a_masking_key_is_not_missed_where_no_contract_makes_tokens(tmp_path: Path) -> None:
    (tmp_path / "flight_departed.v1.avsc").write_bytes((SAMPLES / "flight_departed.v1.avsc").read_bytes())
    (found,) = look_at_masking_key(the_settings(contracts=tmp_path))
    assert (found.level, found.what) == (Level.OK, "not set, and not needed: no contract makes tokens")
    (found,) = look_at_masking_key(the_settings(contracts=SAMPLES))
    assert (found.level, found.what) == (Level.PROBLEM, "missing")


def test_keys_that_are_not_set_are_a_problem_or_a_warning_or_elsewhere() -> None:
    (masking,) = look_at_masking_key(the_settings())
    assert (masking.level, masking.what) == (Level.PROBLEM, "missing")
    assert "head -c 32" in masking.remedy
    (archive,) = look_at_archive_key(the_settings())
    assert (archive.level, archive.subject) == (Level.WARNING, "archive_key_file")
    secret = {"masking_key_secret": "projects/p/secrets/s/versions/1"}
    assert levels(look_at_masking_key(the_settings(dataflow=secret))) == {"dataflow.masking_key_secret": Level.UNKNOWN}


@pytest.mark.parametrize(
    ("free", "writable", "wanted"),
    [
        (4096 * MIB, True, [Level.OK]),
        (512 * MIB, True, [Level.WARNING]),
        (10 * MIB, True, [Level.PROBLEM]),
        (4096 * MIB, False, [Level.PROBLEM, Level.OK]),
    ],
)
def test_a_disk_needs_room_and_the_right_to_write(free: int, writable: bool, wanted: list[Level]) -> None:
    assert [each.level for each in judge_disk(Path("j"), free, writable=writable)] == wanted


def test_a_folder_that_does_not_exist_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    assert [each.subject for each in look_at_disk(tmp_path / "a" / "b")] == ["journal"]
    assert [each.subject for each in look_at_disk(Path("relative/journal"))] == ["journal"]


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0.0, Level.OK, "within a second"),
        (-0.9, Level.OK, "within a second"),
        (5, Level.WARNING, "5 s ahead of BigQuery's"),
        (-5, Level.WARNING, "5 s behind BigQuery's"),
        (31, Level.PROBLEM, "`headrace run` ends with such a clock"),
    ],
)
def test_a_clock_may_differ_by_less_than_a_lease(seconds: float, level: Level, words: str) -> None:
    found = judge_clock(timedelta(seconds=seconds), timedelta(seconds=30))
    assert found.level is level
    assert words in found.what


def test_contracts_are_listed_and_a_blocked_one_has_its_place_and_remedy(tmp_path: Path) -> None:
    for each in SAMPLES.glob("*.avsc"):
        (tmp_path / each.name).write_text(each.read_text())
    (tmp_path / "broken.v1.avsc").write_text("{")
    check = ContractsCheck()
    found = list(check.look(the_settings(contracts=tmp_path)))
    assert levels(found) == {"broken": Level.PROBLEM, "booking_created": Level.OK, "flight_departed": Level.OK}
    assert found[0].what.startswith("blocked: broken.v1.avsc:1: broken.v1: not JSON")
    assert found[0].remedy == "correct the file at this place"
    assert check.registry is not None
    assert check.registry.subjects == ("booking_created", "flight_departed")


@pytest.mark.parametrize("folder", [None, Path("nowhere")])
def test_without_a_folder_of_contracts_that_is_the_problem(folder: Path | None) -> None:
    check = ContractsCheck()
    (found,) = check.look(the_settings(contracts=folder))
    assert (found.level, check.registry) == (Level.PROBLEM, None)
    assert found.remedy


def test_a_function_that_is_not_installed_is_a_warning(tmp_path: Path) -> None:
    contract = a_contract(function="nowhere_at_all")
    (tmp_path / "thing_happened.v1.avsc").write_text(contract.json)
    found = list(ContractsCheck().look(the_settings(contracts=tmp_path)))
    assert [each.level for each in found] == [Level.WARNING, Level.OK]
    assert "nowhere_at_all" in found[0].what


def test_a_file_of_credentials_that_is_no_good_is_a_problem_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key.json").write_text('{"type": "service_account", "private_key": "hush"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    (found,) = look_at_credentials()
    assert (found.level, found.remedy) == (Level.PROBLEM, SIGN_IN)
    assert "hush" not in str(found)


def test_emulators_need_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (PUBSUB, BIGQUERY, BIGQUERY_STORAGE):
        monkeypatch.setenv(name, "localhost:1")
    assert levels(look_at_credentials()) == {"credentials": Level.OK}


def test_a_resource_is_as_required_or_missing_or_different_or_impossible() -> None:
    def change(action: str, can_wait: bool = False) -> Change:
        return Change(action, "table", "p.d.t", lambda: None, "schema", can_wait)

    def judged(*found: Change | Refusal) -> list[Finding]:
        return list(judge_resource("table d.t", found))

    assert [each.level for each in judged()] == [Level.OK]
    assert judged(change("create")) == [Finding(Level.PROBLEM, "table d.t", "does not exist", PROVISION)]
    assert judged(change("update")) == [Finding(Level.PROBLEM, "table d.t", "differs: schema", PROVISION)]
    assert [each.level for each in judged(change("update", can_wait=True))] == [Level.WARNING]
    (refused,) = judged(Refusal("table", "p.d.t", "it is a view", "rename it"))
    assert (refused.level, refused.what, refused.remedy) == (Level.PROBLEM, "it is a view", "rename it")


@pytest.mark.parametrize(("matters", "level"), [(True, Level.WARNING), (False, Level.OK)])
def test_a_choice_of_another_team_is_a_warning_if_it_may_lose_events(matters: bool, level: Level) -> None:
    note = Note("subscription", "projects/shop/subscriptions/s", "it has a filter", "remove it", matters)
    assert list(judge_resource("subscription s", [note])) == [
        Finding(level, "subscription s", "it has a filter", "remove it")
    ]
