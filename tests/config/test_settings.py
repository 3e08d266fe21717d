"""Settings that are wrong are refused before anything is made, by key, file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.config.settings import SettingsError, load_settings

pytestmark = pytest.mark.usefixtures("nothing_set")

GOOD = """\
project = "a-project"
[dataflow]
region = "europe-west1"
max_workers = 5
[profile.prod]
dataset = "live"
[profile.prod.dataflow]
max_workers = 50
[profile.dev]
window = "1h"
"""


def write(text: str) -> None:
    Path("headrace.toml").write_text(text)


def test_a_profile_lies_over_the_settings_and_keeps_what_it_does_not_name() -> None:
    write(GOOD)
    settings = load_settings(profile="prod")
    assert (settings.project, settings.dataset, settings.production) == ("a-project", "live", True)
    assert (settings.dataflow.region, settings.dataflow.max_workers) == ("europe-west1", 50)
    assert (load_settings().dataset, load_settings().dataflow.max_workers) == ("headrace", 5)


def test_a_flag_wins_over_the_environment_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    write(GOOD)
    monkeypatch.setenv("HEADRACE_PROFILE", "prod")
    monkeypatch.setenv("HEADRACE_DATASET", "from_variable")
    monkeypatch.setenv("HEADRACE_DATAFLOW__MAX_WORKERS", "7")
    assert (load_settings().dataset, load_settings().dataflow.max_workers) == ("from_variable", 7)
    assert load_settings(dataset="from_flag").dataset == "from_flag"


WRONG = [  # what is added to the good file or replaced in it, profile, key, line, a word of the remedy
    ('projct = "x"\n' + GOOD, None, "projct", 1, "did you mean project"),
    ('datasett = "x"\n' + GOOD, None, "datasett", 1, "did you mean dataset"),
    ("zzz = 1\n" + GOOD, None, "zzz", 1, "remove it"),
    (GOOD.replace("region", "regoin"), None, "dataflow.regoin", 3, "did you mean region"),
    (GOOD.replace("max_workers = 5\n", "max_worker = 5\n"), None, "dataflow.max_worker", 4, "did you mean max_workers"),
    (GOOD.replace("[dataflow]", "[datafow]"), None, "datafow", 2, "did you mean dataflow"),
    (GOOD.replace('dataset = "live"', 'datset = "live"'), None, "profile.prod.datset", 6, "did you mean dataset"),
    (GOOD.replace("max_workers = 50", "max_wrkers = 50"), None, "profile.prod.dataflow.max_wrkers", 8, "max_workers"),
    (GOOD.replace("[profile.prod.dataflow]", "[profile.prod.dataflw]"), None, "profile.prod.dataflw", 7, "dataflow"),
    (GOOD.replace("[profile.dev]", "[profil.dev]"), None, "profil", 9, "did you mean profile"),
    (GOOD.replace("window", "windo"), None, "profile.dev.windo", 10, "did you mean window"),
    ('project = "a-project"\ndataflow = 3\n', None, "dataflow", 2, "write [dataflow]"),
    ('project = "a-project"\nprofile = 3\n', None, "profile", 2, "write [profile.<name>]"),
    ('project = "a-project"\n[profile]\nprod = 3\n', None, "profile", 2, "write [profile.<name>]"),
    (GOOD, "prd", "profile prd", 5, "choose one with --profile"),
    ("", "prod", "profile prod", None, "known: none"),
    ("", None, "project", None, 'add project = "..."'),
    (GOOD.replace('"a-project"', '"A Project"'), None, "project", 1, "in headrace.toml"),
    (GOOD.replace('"a-project"', "5"), None, "project", 1, "string"),
    (GOOD.replace("max_workers = 5\n", 'max_workers = "many"\n'), None, "dataflow.max_workers", 4, "integer"),
    (GOOD.replace("max_workers = 50", "max_workers = 0"), "prod", "profile.prod.dataflow.max_workers", 8, "greater"),
    (GOOD.replace('"europe-west1"', '"Europe"'), None, "dataflow.region", 3, "pattern"),
    (GOOD.replace('"1h"', '"soon"'), "dev", "profile.dev.window", 10, "window"),
    (GOOD.replace('"1h"', "0"), "dev", "profile.dev.window", 10, "must be above 0"),
    (GOOD.replace('dataset = "live"', 'dataset = "a-b"'), "prod", "profile.prod.dataset", 6, "pattern"),
    (GOOD.replace("max_workers = 5\n", 'temp_location = "/tmp"\n'), None, "dataflow.temp_location", 4, "gs"),
    (GOOD.replace("max_workers = 5\n", "private_addresses = 7\n"), None, "dataflow.private_addresses", 4, "boolean"),
    (GOOD.replace("max_workers = 5\n", 'kms_key = "k"\n'), None, "dataflow.kms_key", 4, "pattern"),
    (GOOD.replace("max_workers = 5\n", 'service_account = "me"\n'), None, "dataflow.service_account", 4, "pattern"),
    (GOOD.replace("max_workers = 5\n", "workers = 9\n"), None, "dataflow", 2, "raise max_workers"),
    (GOOD.replace("max_workers = 5\n", 'image = "headrace:latest"\n'), None, "dataflow.image", 4, "sha256"),
    (GOOD.replace("max_workers = 5\n", "max_workers = \n"), None, "headrace.toml", 4, "correct that line"),
    ("shards = 0\n" + GOOD, None, "shards", 1, "greater"),
]


@pytest.mark.parametrize(("text", "profile", "key", "line", "remedy"), WRONG)
def test_a_wrong_setting_is_refused_by_key_file_line_and_remedy(
    text: str, profile: str | None, key: str, line: int | None, remedy: str
) -> None:
    write(text)
    with pytest.raises(SettingsError) as refused:
        load_settings(profile=profile)
    message = str(refused.value)
    assert f"{key}: " in message
    assert "headrace.toml" in message
    assert line is None or f"line {line}" in message
    assert remedy in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "variable", ["PUBSUB_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST"]
)
def test_an_emulator_variable_is_refused_with_a_production_profile(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(GOOD)
    monkeypatch.setenv(variable, "127.0.0.1:1")
    with pytest.raises(SettingsError, match=f"headrace.toml: production: conflicts with {variable}.*unset {variable}"):
        load_settings(profile="prod")
    assert load_settings(profile="dev").window.total_seconds() == 3600


@pytest.mark.parametrize(("written", "version"), [("2", "2"), ('"2026q4"', "2026q4"), ('"00000001"', "00000001")])
def test_a_version_of_the_masking_key_is_a_short_word_or_number(written: str, version: str) -> None:
    write(f'project = "a-project"\nmasking_key_version = {written}\n')
    assert load_settings().masking_key_version == version


@pytest.mark.parametrize("written", ['""', '"V2"', '"two_"', '"123456789"', '"\u00b2"', "-1", "1.5", "true", '"2\\n"'])
def test_another_version_of_the_masking_key_is_refused_with_the_rule(written: str) -> None:
    write(f'project = "a-project"\nmasking_key_version = {written}\n')
    with pytest.raises(SettingsError, match=r"masking_key_version: .*1 to 8 lower-case letters \(a to z\) and digits"):
        load_settings()


def test_a_variable_with_a_table_that_is_not_json_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_DATAFLOW", "{a secret")
    with pytest.raises(SettingsError, match=r"^HEADRACE_DATAFLOW: not JSON; write a value such as ") as refused:
        load_settings(project="a-project")
    assert "secret" not in str(refused.value)


def test_a_variable_in_lower_case_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("headrace_window", "soon")
    with pytest.raises(SettingsError, match=r"variable headrace_window"):
        load_settings(project="a-project")
